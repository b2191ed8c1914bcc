skip = Skip to the content

login-title = Sign in
login-again-title = Please sign in once more
login-lead = One account for all our sites.
login-to-app = Sign in to continue to { $app }.
login-username = Username or e-mail
login-password = Password
login-keep = Keep me signed in
login-keep-hint = Leave this off on a computer that others use.
login-button = Sign in
login-refused = Name or password is wrong, or there were too many attempts. Check both; if you are sure, try again in a few minutes.
login-malformed = This cannot be a password: it is empty, too long, or holds control characters.
login-too-many = There were too many attempts from your network. Please wait a moment and try again.
login-busy = A great many people are signing in right now. Please try again in a moment.
login-too-many-sessions = You are signed in on as many devices as is allowed. Sign out on one of them first.
login-stale = This page had been open for too long. Please enter your password again.
login-password-set = Your password is set. You can sign in now.
login-admin-added = Passport is ready. Sign in with the account that you have just made.
login-done-title = You are signed in
login-done-lead = You can close this window and go on where you were.
login-done-account = Go to your account

choose-title = Which device makes room?
choose-lead = You are signed in on as many devices as is allowed. Choose one to be signed out; this one takes its place.
choose-end = Sign out there
choose-end-label = Sign out there: { $device }
choose-cancel = Do not sign in here

continue-title = Continue as { $name }?
continue-lead = { $app } wants to know who you are. If you are { $name }, go on; otherwise use another account.
continue-instead = Until now, { $other } has been signed in here. That session ends when you go on.
continue-button = Continue as { $name }
continue-another = Use another account

logout-title = Sign out
logout-question = Sign out, { $name }?
logout-lead = You will be signed out of Passport and of all its sites on this device.
logout-apps = Signed in on this device at:
logout-button = Sign out
logout-stay = Stay signed in

signed-out-title = You are signed out
signed-out-lead = On this device you are out of Passport and of all its sites.
signed-out-back = Back to { $app }
signed-out-again = Sign in again

progress-title = What the sites say
progress-label = How far each site is
progress-confirmed-after = confirmed after { $time },
progress-confirmed = confirmed,
progress-waiting = not confirmed yet; refuses by itself at the latest on
progress-waiting-nobody = cannot confirm; its sessions run out by
progress-waiting-for =
    { $n ->
        [one] One of its servers has not answered since
       *[other] { $n } of its servers have not answered since
    }
progress-over = had run out already,
duration-ms = { $n } ms
duration-s = { $n } s
duration-min = { $n } min

account-title = Your account
account-hello = Hello, { $name }
account-username = Username
account-email = E-mail
account-since = Member since
account-admin = Administrator
account-sessions = Where you are signed in
account-sessions-lead = End a session and every site signs that device out at once.
account-this-browser = This browser
account-from = from { $address }
account-begun = signed in
account-seen = last seen
account-apps = Sites
account-end = Sign out
account-end-label = Sign out: { $device }
account-end-others = Sign out everywhere else
account-ended-one = That device is signed out.
account-ended-others = All other devices are signed out.

device-on = { $browser } on { $system }
device-browser = Browser
device-unknown = Unknown device

setup-admin-title = Welcome to Passport
setup-admin-lead = Choose the name and password of the first administrator.
setup-password-title = Choose your password
setup-password-lead = It will be the password of the account { $name }.
setup-password-takes = Whoever is signed in to it is signed out, and its OpenIDs are removed: add yours again afterwards.
setup-username = Username
setup-password = Password
setup-password-hint =
    { $min ->
        [one] At least { $min } character.
       *[other] At least { $min } characters.
    } A sentence that only you would think of is easy to remember and hard to guess.
setup-repeat = The same once more
setup-button = Save
setup-differ = The two passwords are not the same.
setup-name-taken = Another account has this name, or one that looks like it.
setup-name-empty = Please choose a username.
setup-name-long = A username has at most 64 characters.
setup-name-characters = A username consists of letters and digits, with single characters . _ - between them.
setup-name-scripts = A username cannot mix letters of different scripts.
setup-password-short =
    { $min ->
        [one] A password needs at least { $min } character.
       *[other] A password needs at least { $min } characters.
    }
setup-password-long = This password is too long.
setup-password-characters = A password cannot hold control characters.
setup-password-personal = A password cannot be your own name.

error-status = Status
error-home = To your account
error-for-developers = For the developers of the site:
error-not-found-title = There is nothing here
error-not-found-text = The address may be mistyped, or the page may have moved.
error-wrong-method-title = This does not work here
error-wrong-method-text = The page was asked for in a way that it does not answer. Go back and try again.
error-bad-input-title = This request cannot be read
error-bad-input-text = A part of it is missing, repeated or malformed. Go back and try again.
error-unknown-app-title = This site is not known here
error-unknown-app-text = The site that sent you is not registered at Passport, or is switched off. You were not sent back, for your safety. Please tell its operators.
error-unknown-return-url-title = The way back is not known here
error-unknown-return-url-text = The site that sent you wants you back at an address that is not registered. You were not sent there, for your safety. Please tell its operators.
error-bad-login-request-title = The site's request is faulty
error-bad-login-request-text = The site that sent you made a mistake in its request. Please tell its operators.
error-stale-form-title = This page had been open for too long
error-stale-form-text = Nothing was changed. Go back, reload the page and try again.
error-void-link-title = This link does not work any more
error-void-link-text = It was used already, or it is too old. Ask your administrator for a new one; for the first administrator, restart Passport and open the new link.
error-busy-title = Too much at once
error-busy-text = Please try again in a moment.
error-unavailable-title = Passport cannot answer at the moment
error-unavailable-text = This does not tell whether you are signed in. Please try again in a moment.
error-internal-title = Something went wrong
error-internal-text = It is our fault, and it is in the log. Please try again.

secure-title = Make the account yours again
secure-lead = If a sign-in or a sign-out was not yours: choose a new password. Every device is signed out but this one, and every OpenID is removed from the account: add yours again afterwards.
secure-no-password = An account without a password has nothing to change here: sign in with your OpenID, end the other sessions on your account's page, and remove OpenIDs that are not yours under “Ways to sign in”.
secure-present = Present password
secure-new = New password
secure-button = Change password and sign out everywhere else
secure-same = The new password is the present one.
account-secured = Your password is changed, and every other device is signed out. No OpenID opens the account now; add yours again under “Ways to sign in”.
account-secure = Change password
