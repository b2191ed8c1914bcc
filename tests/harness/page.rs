//! The open page of a real browser, whichever it is: what a person does there and sees.

use std::time::{Duration, Instant};

use thirtyfour::{By, WebDriver, WebElement};

/// What is in front in a browser that is driven by WebDriver.
pub struct Page {
    /// The browser.
    pub driver: WebDriver,
}

impl Page {
    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// Waits until the open page is there in full.
    pub async fn settled(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.ask("document.readyState === 'complete' && innerWidth > 0").await != true {
            assert!(Instant::now() < deadline, "the page is never complete");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.driver.action_chain().send_keys(keys).perform().await.unwrap();
    }

    /// The one element of this selector, as soon as there is one.
    pub async fn find(&self, css: &str) -> WebElement {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.driver.find(By::Css(css)).await {
                Ok(found) => return found,
                Err(error) if Instant::now() > deadline => {
                    panic!("{css} is not on {}: {error}", self.ask("location.href").await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Waits until the element of this selector reads `wanted`. After a click the page before may
    /// still be there, or just be going.
    pub async fn reads(&self, css: &str, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let script = format!("document.querySelector({css:?})?.innerText ?? ''");
        loop {
            let last = self.ask(&script).await;
            if last == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{css} reads {last}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a script answers on the open page.
    pub async fn ask(&self, script: &str) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.driver.execute(format!("return {script}"), []).await {
                Ok(answer) => return answer.json().clone(),
                // While a page goes and the next one comes there is nobody to answer.
                Err(error) => assert!(Instant::now() < deadline, "{script}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a person reads on the open page.
    pub async fn text(&self) -> String {
        // Firefox has no answer while a page goes.
        self.ask("document.body?.innerText").await.as_str().unwrap_or_default().to_owned()
    }
}
