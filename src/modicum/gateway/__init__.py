"""The OpenAI-compatible server: `answer.py` is one day; `server.py` runs it, `protocol.py` speaks HTTP, `app.py` is the door."""
