//! The proof of an address by a mailed link, and the way back from a change of address.

use crate::accounts::Accounts;
use crate::authz::Allowed;
use crate::authz::action::SendVerification;
use crate::domain::{AccountToken, Origin, User};
use crate::http::kit::{Accepted, Body, IfMatch, NoContent, Problem, Public};
use crate::store::Store;

crate::body! {
    /// The token of a mailed link.
    pub struct LinkRedemption {
        /// The token of the link.
        token: String as AccountToken = required_text(|text| Ok(AccountToken::presented(text)));
    }
    example { "token": "q1ZkN0lWc2VjcmV0LW9mLWEtbGluay1mb3ItdGVzdHM" }
}

/// `POST /users/{id}/email-verification`
pub async fn send(
    user: Allowed<User, SendVerification>,
    if_match: IfMatch,
    accounts: Accounts,
    store: Store,
) -> Result<Accepted, Problem> {
    if_match.check(user.revision)?;
    accounts.send_verification(&store, user).await?;
    Ok(Accepted)
}

/// `POST /email-verifications/redeem`
pub async fn redeem(
    _: Public,
    body: Body<LinkRedemption>,
    origin: Origin,
    accounts: Accounts,
) -> Result<NoContent, Problem> {
    let LinkRedemption { token } = body.read(LinkRedemption::read)?;
    accounts.redeem_verification(&token, origin).await?;
    Ok(NoContent)
}

/// `POST /email-changes/undo`
pub async fn undo(
    _: Public,
    body: Body<LinkRedemption>,
    origin: Origin,
    accounts: Accounts,
) -> Result<NoContent, Problem> {
    let LinkRedemption { token } = body.read(LinkRedemption::read)?;
    accounts.undo_email_change(&token, origin).await?;
    Ok(NoContent)
}
