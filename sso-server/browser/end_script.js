window.passport = passport;
})();
