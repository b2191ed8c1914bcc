doctor-title = Logout test of { $app }
doctor-lead = A session that never was is ended, and everybody who listens for this site has to obey. Nobody is signed out. It takes up to { $seconds } seconds.
doctor-do = Test the logout
doctor-again = Test once more
doctor-back = Back to the site
doctor-disabled = This site is shut off: it accepts nobody anyway. Enable it first.
doctor-healthy = Everybody who listens has obeyed.
doctor-ill = Not everybody who listens has obeyed.
doctor-nobody = Nothing of this site listens for logouts. Let it follow GET /api/v1/events, as the SDK does, or register an events URL.
doctor-written = The end was written down in { $time }
doctor-pushed = by push
doctor-pulled = by pull
doctor-obeyed = obeyed after { $time }
doctor-failed = not obeyed within { $time }
doctor-what-to-do = What to do:
doctor-state-good = done
doctor-state-bad = failed here
doctor-state-open = not reached
doctor-step-prepare = The event is signed
doctor-step-resolve = The host’s name is known
doctor-step-permit = Its address may be called
doctor-step-connect = It takes the connection
doctor-step-secure = The certificate is valid
doctor-step-answer = It answers in time
doctor-step-accept = It takes the event
doctor-step-ask = It asks for news
doctor-step-obey = It confirms the end
doctor-do-silent = See whether this copy of the site is still running and can reach Passport. One that has stopped for good is forgotten after a week.
doctor-do-dns = See whether the host of the events URL is spelt right, and whether this server’s DNS knows it.
doctor-do-address = If the site really is in this network, list it in outgoing.allow_networks.
doctor-do-connect = See whether the site runs, and whether a firewall lets Passport through to it.
doctor-do-certificate = Renew the certificate of the events URL’s host, or install its whole chain.
doctor-do-tls = See whether this port speaks HTTPS, with TLS 1.2 or later.
doctor-do-timeout = The site has to answer within 5 seconds: let it note the event, answer, and work afterwards.
doctor-do-redirect = Register the URL that answers itself: sso-server app set { $id } --events-url URL
doctor-do-signature = The site does not believe the signature. See whether it holds the present events secret and its clock is right; this makes a new secret: sso-server app rotate-events-secret { $id }
doctor-do-path = Nothing takes events at this path: see whether the events URL is right.
doctor-do-busy = The site is too busy to take events; see what its load says.
doctor-do-status = See what the site’s own log says.
doctor-do-secret = The master key was replaced: restart this server.
doctor-do-setup = Install this server’s root certificates.
push-waiting = pushed to { $url }; not taken since
push-trouble =
    { $failures ->
        [one] One attempt failed: { $error }. Next attempt
       *[other] { $failures } attempts in a row failed, the last one: { $error }. Next attempt
    }
push-dead =
    { $events ->
        [one] One logout was given up: its sessions ran out before the site took it. Since
       *[other] { $events } logouts were given up: their sessions ran out before the site took them. Since
    }
push-dead-lead = People who were signed out here may have gone on at the site until their sessions ran out. Put right what is wrong, then test the logout; the note goes away with the next event that is taken.
push-ok = Pushing works.
push-last-success = Last taken
push-failing-since = Failing since
push-given-up = Given up so far: { $events }
push-old-secret = The secret before the present one signs, too, until
push-badge-failing = push is failing
push-badge-dead = logouts were given up
