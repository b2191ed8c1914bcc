#!/usr/bin/env python3
"""A site without an SDK that signs people in within the page, by Python's standard library alone.

Register it, and start it beside the demo's Passport:
  sso-server app add py --name Py --origin http://py.localhost:8803 --return-to http://py.localhost:8803/sso/callback
  SECRET=... python3 demo-apps/examples/backend.py
One process, sessions in memory. A real site also follows the events of its app, so that it hears of logouts (README).
"""
import base64, hashlib, http.server, json, os, secrets, urllib.error, urllib.parse, urllib.request

PASSPORT = os.environ.get("PASSPORT_URL", "http://sso.localhost:8800")
AT = os.environ.get("PASSPORT_ADDRESS", PASSPORT.replace("sso.localhost", "127.0.0.1"))  # libc does not know *.localhost
ME, PORT = os.environ.get("URL", "http://py.localhost:8803"), int(os.environ.get("PORT", "8803"))
APP, SECRET = os.environ.get("APP", "py"), os.environ["SECRET"]
SESSIONS = {}
PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Py</title><h1>{{hello}}</h1>
<script defer src="{PASSPORT}/sso.js" data-app="{APP}" data-reload data-one-tap></script>
<a class="passport-button" data-passport="{{does}}" href="/sso/login">{{label}}</a>"""


def api(path, body):
    call = urllib.request.Request(AT + path, json.dumps(body).encode(), {
        "Host": PASSPORT.split("://")[1], "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(f"{APP}:{SECRET}".encode()).decode()})
    with urllib.request.urlopen(call, timeout=10) as answer:
        return json.load(answer)


def challenge_of(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Site(http.server.BaseHTTPRequestHandler):
    def say(self, status, body=b"", kind="application/json", **headers):
        body = json.dumps(body).encode() if isinstance(body, dict) else body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", "Content-Length": len(body), **headers}.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name.replace("_", "-"), one)
        self.end_headers()
        self.wfile.write(body)

    def cookie(self, name):
        found = [pair.strip().partition("=")[2] for pair in self.headers.get("Cookie", "").split(";") if pair.strip().partition("=")[0] == name]
        return found[0] if len(found) == 1 else ""

    def keep(self, name, value, more="SameSite=Lax"):
        return f"{name}={value}; Path=/; Secure; HttpOnly; {more}"

    def who(self, session=None):
        user = SESSIONS.get(session or self.cookie("__Host-py"), {}).get("user")
        return {"status": "signed_in", "user": {key: user[key] for key in ("id", "username", "nickname")}} if user else {"status": "signed_out"}

    def enter(self, prefix, state, ticket, **more):
        """Redeems a ticket with the verifier of this browser; answers the cookies of the new session."""
        verifier = self.cookie(prefix + state)
        if not verifier:
            raise PermissionError
        SESSIONS[session := secrets.token_urlsafe(32)] = api("/api/v1/tickets/redeem", {"ticket": ticket, "verifier": verifier, **more})
        return [self.keep("__Host-py", session), self.keep(prefix + state, "", "Max-Age=0")]

    def begin(self, prefix, same_site):
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        return state, challenge_of(verifier), self.keep(prefix + state, verifier, f"SameSite={same_site}; Max-Age=600")

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/":
            user = self.who().get("user")
            hello = f"Hello, {user['username']}" if user else "Hello, stranger"
            self.say(200, PAGE.format(hello=hello, does="logout" if user else "login", label="Sign out" if user else "Sign in with Passport"), "text/html; charset=utf-8")
        elif url.path == "/sso/session":
            self.say(200, self.who())
        elif url.path == "/sso/login":
            state, challenge, cookie = self.begin("__Host-py-", "Lax")
            query = {"app": APP, "return_to": ME + "/sso/callback", "state": state, "challenge": challenge}
            query |= {"prompt": "none"} if asked.get("prompt") == "none" else {}
            popup = self.keep("__Host-py.popup", "1" if asked.get("next", "").startswith("/sso/popup") else "", "SameSite=Lax; Max-Age=600")
            self.say(303, Location=f"{PASSPORT}/login?{urllib.parse.urlencode(query)}", Set_Cookie=[cookie, popup])
        elif url.path == "/sso/callback":
            cookies = self.enter("__Host-py-", asked["state"], asked["ticket"], return_to=ME + "/sso/callback") if "ticket" in asked else []
            self.say(303, Location="/sso/popup" if self.cookie("__Host-py.popup") else "/", Set_Cookie=cookies)
        elif url.path == "/sso/popup":
            self.say(200, f'<!doctype html><script defer src="{PASSPORT}/sso.js" data-popup></script><a href="/">Go on</a>', "text/html; charset=utf-8")
        else:
            self.say(204 if url.path == "/sso/stream" else 404)

    def do_POST(self):
        if self.headers.get_all("Origin") != [ME]:
            return self.say(403, {"code": "not_our_page"})
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 16384))
        if self.path == "/sso/logout":
            kept = SESSIONS.pop(self.cookie("__Host-py"), None)
            if kept:
                api(f"/api/v1/app-sessions/{kept['app_session']}/end", {"scope": "app" if b"scope=app" in body else "session"})
            self.say(204, Set_Cookie=self.keep("__Host-py", "", "Max-Age=0"))
        elif self.path == "/sso/begin":
            state, challenge, cookie = self.begin("__Host-py.page-", "Strict")
            self.say(200, {"app": APP, "state": state, "challenge": challenge}, Set_Cookie=cookie)
        elif self.path == "/sso/finish":
            sent = json.loads(body)
            cookies = self.enter("__Host-py.page-", sent["state"], sent["ticket"])
            session = cookies[0].split(";")[0].partition("=")[2]
            self.say(200, self.who(session), Set_Cookie=cookies)
        else:
            self.say(404)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (PermissionError, KeyError, ValueError):
            self.say(401, {"code": "not_begun"})
        except urllib.error.HTTPError as error:
            self.say(401 if error.code == 400 else 503, {"code": "invalid_ticket" if error.code == 400 else "unavailable"})
        except urllib.error.URLError:
            self.say(503, {"code": "unavailable"})


if __name__ == "__main__":
    print(f"listening on {ME}", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Site).serve_forever()
