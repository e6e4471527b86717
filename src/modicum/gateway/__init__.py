"""The OpenAI-compatible server: `answer.py` is the day on one screen; `server.py` runs it, `front.py` and `protocol.py` speak HTTP, `app.py` is its door."""
