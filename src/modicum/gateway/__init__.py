"""The OpenAI-compatible server: `answer.py` is the day on one screen; `server.py` runs it, `app.py` is its ASGI door."""
