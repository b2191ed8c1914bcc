skip = Перейти к содержанию

login-title = Вход
login-again-title = Войдите, пожалуйста, ещё раз
login-lead = Одна учётная запись для всех наших сайтов.
login-to-app = Войдите, чтобы продолжить в { $app }.
login-username = Имя пользователя или e-mail
login-password = Пароль
login-keep = Оставаться в системе
login-keep-hint = Не включайте на чужом или общем компьютере.
login-button = Войти
login-refused = Неверное имя или пароль, либо слишком много попыток. Проверьте их; если вы уверены, попробуйте снова через несколько минут.
login-malformed = Такого пароля быть не может: он пустой, слишком длинный или содержит управляющие символы.
login-too-many = Слишком много попыток из вашей сети. Подождите немного и попробуйте снова.
login-busy = Сейчас входит очень много людей. Попробуйте снова чуть позже.
login-too-many-sessions = Вы уже вошли на максимально допустимом числе устройств. Сначала выйдите на одном из них.
login-stale = Эта страница была открыта слишком долго. Введите пароль ещё раз.
login-password-set = Пароль сохранён. Теперь вы можете войти.
login-admin-added = Passport готов. Войдите с учётной записью, которую вы только что создали.
login-done-title = Вы вошли
login-done-lead = Это окно можно закрыть и продолжить там, где вы были.
login-done-account = Перейти в учётную запись

choose-title = Какое устройство уступит место?
choose-lead = Вы уже вошли на максимально допустимом числе устройств. Выберите, на каком завершить сеанс: это устройство займёт его место.
choose-end = Выйти там
choose-end-label = Выйти там: { $device }
choose-cancel = Не входить здесь

continue-title = Продолжить как { $name }?
continue-lead = Сайт { $app } хочет узнать, кто вы. Если вы { $name }, продолжайте; если нет, войдите под другой учётной записью.
continue-instead = До сих пор здесь был выполнен вход как { $other }. Если вы продолжите, этот сеанс завершится.
continue-button = Продолжить как { $name }
continue-another = Другая учётная запись

logout-title = Выход
logout-question = Выйти, { $name }?
logout-lead = Вы выйдете из Passport и со всех его сайтов на этом устройстве.
logout-apps = На этом устройстве выполнен вход:
logout-button = Выйти
logout-stay = Остаться

signed-out-title = Вы вышли
signed-out-lead = На этом устройстве вы вышли из Passport и со всех его сайтов.
signed-out-back = Вернуться в { $app }
signed-out-again = Войти снова

progress-title = Что ответили сайты
progress-label = Состояние каждого сайта
progress-confirmed-after = подтверждено через { $time },
progress-confirmed = подтверждено,
progress-waiting = пока не подтверждено; сам прекратит доступ не позднее
progress-waiting-nobody = не может подтвердить; сеансы истекут не позднее
progress-waiting-for =
    { $n ->
        [one] { $n } его сервер не отвечает с
        [few] { $n } его сервера не отвечают с
       *[other] { $n } его серверов не отвечают с
    }
progress-over = уже истекло само,
duration-ms = { $n } мс
duration-s = { $n } с
duration-min = { $n } мин

account-title = Ваша учётная запись
account-hello = Здравствуйте, { $name }
account-username = Имя пользователя
account-email = E-mail
account-since = С нами с
account-admin = Администратор
account-sessions = Где выполнен вход
account-sessions-lead = Завершите сеанс — и на том устройстве сразу будет выполнен выход со всех сайтов.
account-this-browser = Этот браузер
account-from = с адреса { $address }
account-begun = вход
account-seen = последняя активность
account-apps = Сайты
account-end = Завершить
account-end-label = Завершить: { $device }
account-end-others = Выйти на всех других устройствах
account-ended-one = На том устройстве выполнен выход.
account-ended-others = На всех других устройствах выполнен выход.

device-on = { $browser } на { $system }
device-browser = Браузер
device-unknown = Неизвестное устройство

setup-admin-title = Добро пожаловать в Passport
setup-admin-lead = Выберите имя и пароль первого администратора.
setup-password-title = Выберите пароль
setup-password-lead = Это будет пароль учётной записи { $name }.
setup-password-takes = Все её сеансы завершатся, а все OpenID будут откреплены: свои добавьте потом снова.
setup-username = Имя пользователя
setup-password = Пароль
setup-password-hint =
    { $min ->
        [one] Не меньше { $min } символа.
       *[other] Не меньше { $min } символов.
    } Фраза, которая пришла бы в голову только вам, легко запоминается и трудно угадывается.
setup-repeat = Ещё раз то же самое
setup-button = Сохранить
setup-differ = Пароли не совпадают.
setup-name-taken = Это имя, или очень похожее на него, уже занято.
setup-name-empty = Выберите имя пользователя.
setup-name-long = В имени не больше 64 символов.
setup-name-characters = Имя состоит из букв и цифр, между которыми могут стоять . _ -
setup-name-scripts = В имени нельзя смешивать буквы разных алфавитов.
setup-password-short =
    { $min ->
        [one] В пароле должно быть не меньше { $min } символа.
       *[other] В пароле должно быть не меньше { $min } символов.
    }
setup-password-long = Этот пароль слишком длинный.
setup-password-characters = Пароль не может содержать управляющие символы.
setup-password-personal = Пароль не может быть вашим собственным именем.

error-status = Код
error-home = К учётной записи
error-for-developers = Разработчикам сайта:
error-not-found-title = Здесь ничего нет
error-not-found-text = Возможно, в адресе опечатка или страница переехала.
error-wrong-method-title = Так здесь не получится
error-wrong-method-text = Страница не отвечает на такой запрос. Вернитесь и попробуйте снова.
error-bad-input-title = Запрос не удалось прочесть
error-bad-input-text = Часть его отсутствует, повторяется или искажена. Вернитесь и попробуйте снова.
error-unknown-app-title = Этот сайт здесь неизвестен
error-unknown-app-text = Сайт, который вас направил, не зарегистрирован в Passport или отключён. Ради вашей безопасности мы не отправили вас обратно. Сообщите об этом его владельцам.
error-unknown-return-url-title = Обратный адрес здесь неизвестен
error-unknown-return-url-text = Сайт, который вас направил, просит вернуть вас по незарегистрированному адресу. Ради вашей безопасности мы этого не сделали. Сообщите об этом его владельцам.
error-bad-login-request-title = Сайт отправил неверный запрос
error-bad-login-request-text = В запросе сайта, который вас направил, ошибка. Сообщите об этом его владельцам.
error-stale-form-title = Эта страница была открыта слишком долго
error-stale-form-text = Ничего не изменилось. Вернитесь, обновите страницу и попробуйте снова.
error-void-link-title = Эта ссылка больше не работает
error-void-link-text = Её уже использовали, или срок её действия истёк. Попросите у администратора новую; первому администратору нужно перезапустить Passport и открыть новую ссылку.
error-busy-title = Слишком много запросов
error-busy-text = Попробуйте снова чуть позже.
error-unavailable-title = Passport сейчас не может ответить
error-unavailable-text = Это не говорит о том, выполнен ли вход. Попробуйте снова чуть позже.
error-internal-title = Что-то пошло не так
error-internal-text = Ошибка наша, и она записана в журнал. Попробуйте снова.

secure-title = Верните себе учётную запись
secure-lead = Если вход или выход выполнили не вы, выберите новый пароль. На всех устройствах, кроме этого, сеансы завершатся, а все OpenID будут откреплены от учётной записи: свои добавьте потом снова.
secure-no-password = У учётной записи без пароля менять здесь нечего: войдите через свой OpenID, завершите остальные сеансы на странице учётной записи и удалите чужие OpenID в разделе «Способы входа».
secure-present = Текущий пароль
secure-new = Новый пароль
secure-button = Сменить пароль и выйти на всех остальных устройствах
secure-same = Новый пароль совпадает с текущим.
account-secured = Пароль изменён, сеансы на всех остальных устройствах завершены. OpenID больше не открывают учётную запись; свои добавьте снова в разделе «Способы входа».
account-secure = Сменить пароль
