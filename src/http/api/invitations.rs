//! `POST /users/{id}/invitation`: a link for the first password of an account.

use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::authz::Allowed;
use crate::authz::action::Invite;
use crate::domain::User;
use crate::http::kit::{Accepted, Body, CreatedJson, Either, IfMatch, Problem};
use crate::store::Store;

crate::body! {
    /// The way of an invitation.
    pub struct Invitation {
        /// False when the response shall have the link, instead of a mail. Default: true.
        send: Option<bool> = boolean();
    }
    example { "send": true }
}

/// The link of an invitation, which is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationLink)]
pub struct InvitationLinkView {
    /// The link, which is valid for seven days.
    #[schema(format = "uri", examples("https://id.example.org/oauth/accept-invitation?token=q1Zk"))]
    link: String,
}

/// `POST /users/{id}/invitation`
pub async fn invite(
    user: Allowed<User, Invite>,
    body: Body<Invitation>,
    if_match: IfMatch,
    accounts: Accounts,
    store: Store,
) -> Result<Either<Accepted, CreatedJson<InvitationLinkView>>, Problem> {
    let Invitation { send } = body.read(Invitation::read)?;
    if_match.check(user.revision)?;
    Ok(match accounts.invite(&store, user, send.unwrap_or(true)).await? {
        Some(link) => Either::Second(CreatedJson::new(InvitationLinkView { link })),
        None => Either::First(Accepted),
    })
}
