//! The app's own demand on the age of a login, when it redeems.

use harness::{PASSWORD, Passport, SECOND, on_both};
use serde_json::json;

// SECURITY-CASES T-26: counted until the ticket was issued, so that whoever was asked a moment ago is
// let in however long the way back took.
#[actix_web::test]
async fn no_time_is_met_by_a_log_in_of_this_moment() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.browser();
        let redeem = async |ticket: &str, max_age: i64| {
            let body = json!({ "ticket": ticket, "return_to": aw.return_to, "max_age": max_age });
            aw.redeem_body(body, &[]).await.status.as_u16()
        };
        passport.advance(999);
        let form = browser.login_form(&aw.login_query(&[]), "member", PASSWORD).await;
        let asked = browser.submit(&form).await.ticket();
        passport.advance(5 * SECOND);
        assert_eq!(redeem(&asked, 0).await, 200, "issued at once, redeemed later");

        let silent = aw.send(&mut browser).await.ticket();
        assert_eq!(redeem(&silent, 3).await, 400, "more than four seconds old when issued");
        assert!(passport.audited("ticket.refused").await.detail.contains("too_old"));
        let silent = aw.send(&mut browser).await.ticket();
        passport.advance(30 * SECOND);
        assert_eq!(redeem(&silent, 5).await, 200, "control");
    })
    .await;
}
