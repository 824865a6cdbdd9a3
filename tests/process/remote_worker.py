"""Stands for ``xdist.remote`` on the other side: xdist's events, as it is told, and no pytest.

Its source is sent to a bare interpreter, so it imports nothing of ours.
"""

if __name__ == "__channelexec__":
    import os
    import signal

    channel = globals()["channel"]  # which execnet puts there
    workerinput, args, option_dict, change_sys_path = channel.receive()
    role, ours = workerinput["xdist_fixtureworker"]
    names = ("workerid", "workercount", "testrunuid")
    ours.send((role, *(workerinput[name] for name in names)))
    for command, content in ours:
        if command == "event":
            channel.send(content)
        elif command == "exit":
            os._exit(content)
        elif command == "raise":
            raise RuntimeError(content)
        elif command == "fork":
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            ours.send(child)
        else:
            break
