"""The live session of the studio: the browser's camera in, pictures of the avatar out, through one WebSocket.

page ─▶ socket ─▶ BrowserCamera ─▶ LiveSession ─▶ BrowserOutput ─▶ socket ─▶ the same page, and viewers
"""
