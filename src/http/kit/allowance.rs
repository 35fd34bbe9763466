//! The allowance of a request: what a rate limit leaves to the caller, for the headers of the answer.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpMessage as _;

use super::{Argument, Call, Code, Description, Problem, Services};
use crate::domain::Allowance;

impl Argument for Allowance {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.allowance())
    }

    fn describe(description: &mut Description) {
        description.limited = true;
        description.problems.push(Code::TooManyRequests);
    }
}

impl Call {
    /// Returns the allowance that the middleware writes into the answer.
    pub(crate) fn allowance(&self) -> Allowance {
        let mut extensions = self.request().extensions_mut();
        if let Some(allowance) = extensions.get::<Allowance>() {
            return allowance.clone();
        }
        let allowance = Allowance::default();
        extensions.insert(allowance.clone());
        allowance
    }
}

/// The limit on registrations.
pub(crate) struct RegistrationLimit {
    services: Arc<Services>,
    allowance: Allowance,
}

impl RegistrationLimit {
    /// Counts a registration from this address. One whose address must be proved is a request for mail too.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub(crate) async fn count(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.services.rate_limits.count_registration(address, &self.allowance).await?;
        match self.services.accounts.proves_addresses {
            true => self.services.rate_limits.count_mail(address, &self.allowance).await,
            false => Ok(()),
        }
    }
}

/// The limit on requests for mail without a token. It does not depend on the address that they name.
pub(crate) struct MailLimit {
    services: Arc<Services>,
    allowance: Allowance,
}

impl MailLimit {
    /// Counts a request from this address.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub(crate) async fn count(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.services.rate_limits.count_mail(address, &self.allowance).await
    }
}

impl Argument for MailLimit {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { services: Arc::clone(call.services()), allowance: call.allowance() })
    }

    fn describe(description: &mut Description) {
        <Allowance as Argument>::describe(description);
    }
}

impl Argument for RegistrationLimit {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { services: Arc::clone(call.services()), allowance: call.allowance() })
    }

    fn describe(description: &mut Description) {
        <Allowance as Argument>::describe(description);
    }
}
