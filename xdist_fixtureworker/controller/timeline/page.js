"use strict";
// Adds to the picture, which is complete without: a closer look, keys, and what is pointed at.
(() => {
  const chart = document.getElementById("chart");
  const scroll = chart.parentElement;
  const details = document.getElementById("details");
  const axis = document.getElementById("axis");
  const seconds = Number(chart.dataset.seconds);
  const CLOSEST = 200;
  const TICK = 110; // pixels between two ticks, at least
  let zoom = 1;

  // --- a closer look

  // The least of 1, 2, 5, 10, ... seconds, or of a part of one, that is not less.
  function tick(least) {
    for (let power = 1e-6; ; power *= 10)
      for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power;
  }

  // Only what can be seen: the closest look has as many ticks as the widest.
  function drawAxis() {
    const width = chart.clientWidth || chart.getBoundingClientRect().width;
    const step = tick((seconds * TICK) / width);
    const from = Math.max(0, Math.floor((seconds * scroll.scrollLeft) / width / step));
    const to = (seconds * (scroll.scrollLeft + scroll.clientWidth)) / width;
    const bottom = chart.getAttribute("height");
    const parts = [];
    for (let number = from; number * step <= Math.min(to, seconds); number++) {
      const x = `${(100 * number * step) / seconds}%`;
      const line = document.createElementNS(chart.namespaceURI, "line");
      for (const [name, value] of [["x1", x], ["x2", x], ["y1", 14], ["y2", bottom]])
        line.setAttribute(name, value);
      parts.push(line);
      const text = document.createElementNS(chart.namespaceURI, "text");
      for (const [name, value] of [["x", x], ["dx", 3], ["y", 12]]) text.setAttribute(name, value);
      // It would be cut off at the end.
      if (number * step > seconds * (1 - 50 / width)) continue;
      text.textContent = `${Number((number * step).toPrecision(6))} s`;
      parts.push(text);
    }
    axis.replaceChildren(...parts);
  }

  // What is in the middle, or has the focus, stays where it is.
  function look(factor) {
    const box = scroll.getBoundingClientRect();
    const item = document.activeElement.closest?.(".i");
    let at = scroll.clientWidth / 2;
    if (item) {
      const own = item.getBoundingClientRect();
      at = Math.min(Math.max(own.left + own.width / 2 - box.left, 0), scroll.clientWidth);
    }
    const part = (scroll.scrollLeft + at) / chart.getBoundingClientRect().width;
    zoom = Math.min(CLOSEST, Math.max(1, zoom * factor));
    chart.style.width = `${100 * zoom}%`;
    scroll.scrollLeft = part * chart.getBoundingClientRect().width - at;
    drawAxis();
  }

  document.getElementById("closer").addEventListener("click", () => look(2));
  document.getElementById("wider").addEventListener("click", () => look(0.5));
  document.getElementById("all").addEventListener("click", () => look(0));
  scroll.addEventListener("scroll", () => requestAnimationFrame(drawAxis), { passive: true });
  addEventListener("resize", drawAxis);

  // --- what is pointed at, or has the focus

  function show(item) {
    details.textContent = item ? item.querySelector("title").textContent : "";
  }

  chart.addEventListener("pointerover", (event) => {
    const item = event.target.closest(".i");
    if (item) show(item);
  });
  chart.addEventListener("pointerleave", () => show(document.activeElement.closest(".i")));
  chart.addEventListener("click", (event) => {
    const item = event.target.closest(".i");
    if (item) focus(item);
  });

  // --- keys: the picture is one stop of the Tab key, and arrows lead from there

  const lanes = [...chart.querySelectorAll(".lane")].map((lane) => [...lane.querySelectorAll(".i")]);
  let stop = lanes.flat(1)[0];
  if (stop) {
    stop.setAttribute("tabindex", "0");
    scroll.removeAttribute("tabindex");
  }

  function focus(item) {
    stop.setAttribute("tabindex", "-1");
    stop = item;
    stop.setAttribute("tabindex", "0");
    stop.focus({ preventScroll: true });
    const own = stop.getBoundingClientRect();
    const box = scroll.getBoundingClientRect();
    if (own.right < box.left + 10 || own.left > box.right - 10)
      scroll.scrollLeft += own.left - box.left - scroll.clientWidth / 3;
    if (own.top < 0 || own.bottom > innerHeight - details.offsetHeight)
      stop.scrollIntoView({ block: "center", inline: "nearest" });
    show(stop);
  }

  const left = (item) => item.getBoundingClientRect().left;

  function nearest(items, x) {
    return items.reduce((best, item) =>
      Math.abs(left(item) - x) < Math.abs(left(best) - x) ? item : best,
    );
  }

  function next(key) {
    const row = lanes.findIndex((lane) => lane.includes(stop));
    const byTime = [...lanes[row]].sort((one, other) => order.get(one) - order.get(other));
    const column = byTime.indexOf(stop);
    if (key === "ArrowRight") return byTime[column + 1];
    if (key === "ArrowLeft") return byTime[column - 1];
    if (key === "Home") return byTime[0];
    if (key === "End") return byTime.at(-1);
    const others = key === "ArrowDown" ? lanes.slice(row + 1) : lanes.slice(0, row).reverse();
    const lane = others.find((items) => items.length);
    return lane && nearest(lane, left(stop));
  }

  // By when they begin: what waits is drawn before tests.
  const order = new Map(lanes.flat(1).map((item) => [item, parseFloat(item.getAttribute("x"))]));

  chart.addEventListener("focusin", (event) => {
    const item = event.target.closest(".i");
    if (item) show(item);
  });
  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") look(2);
    else if (event.key === "-") look(0.5);
    else if (event.key === "0") look(0);
    else if (/^(Arrow|Home$|End$)/.test(event.key) && stop) {
      const item = next(event.key);
      if (item) focus(item);
    } else return;
    event.preventDefault();
  });

  // --- tables lead to the picture

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    focus(document.getElementById(link.hash.slice(1)));
  });

  document.getElementById("tools").hidden = false;
  document.getElementById("keys").hidden = false;
  drawAxis();
})();
