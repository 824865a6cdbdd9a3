"""What runs on the other side of a gateway in these tests: it sends and receives what it is told.

Its source is sent to a bare interpreter, so it imports nothing of ours.
"""

if __name__ == "__channelexec__":
    import os

    channel = globals()["channel"]  # which execnet puts there
    served = channel.receive()
    channel.send(os.getpid())
    for command, data in channel:
        if command == "send":
            served.send(data)
        elif command == "close":
            served.close()
        else:
            channel.send(served.receive(data))
