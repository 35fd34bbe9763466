//! The query of `GET /audit`.

use serde_json::{Value, json};

use crate::authz::Resource as _;
use crate::domain::{Time, User, UserId};
use crate::http::kit::{
    DEFAULT_LIMIT, Parameter, Parameters, QueryType, cursor_parameter, limit, limit_parameter, text,
    text_schema,
};
use crate::store::AuditFilter;

/// The query.
pub struct AuditQuery {
    pub(crate) limit: u16,
    pub(crate) cursor: Option<String>,
    pub(crate) filter: AuditFilter,
    /// The list that a cursor belongs to.
    pub(crate) list: String,
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

impl QueryType for AuditQuery {
    fn parameters() -> Vec<Parameter> {
        let outcomes = json!({ "enum": ["done", "refused", "overflow"] });
        let parameters = [
            (
                "actor",
                "Events of this caller: `user:<id>`, `client:<id>`, `system:<name>` or `operator`",
                text_schema(),
            ),
            ("owner", "Events on this user's records", json!({ "type": "string", "format": "uuid" })),
            ("action", "Events with this action, such as `delete`", text_schema()),
            ("resource", "Events on this kind of record, such as `user`", text_schema()),
            ("record", "Events on the record with this id", text_schema()),
            ("outcome", "Events with this outcome", outcomes),
            ("reason", "Refusals with this reason, such as `not-owner`", text_schema()),
            ("client_id", "Events of requests from this client", text_schema()),
            ("address", "Events of requests from this IP address", text_schema()),
            ("request_id", "Events of the request with this id", text_schema()),
            ("since", "Events at this time or later (RFC 3339)", time()),
            ("until", "Events before this time (RFC 3339)", time()),
        ];
        let parameters = parameters.map(|(name, meaning, schema)| Parameter::optional(name, meaning, schema));
        [limit_parameter(), cursor_parameter()].into_iter().chain(parameters).collect()
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let moment = |value: &str| value.parse().map(|Time(time)| time);
        let user = |value: &str| value.parse::<UserId>().map_err(|_| "must be a user's id");
        let limit = parameters.take("limit", limit)?.unwrap_or(DEFAULT_LIMIT);
        let cursor = parameters.take("cursor", text)?;
        let filter = AuditFilter {
            actor: parameters.take("actor", text)?,
            owner: parameters.take("owner", user)?.filter(|_| !fault!(audit_owner_ignored)),
            action: parameters.take("action", text)?,
            resource: parameters.take("resource", text)?,
            record: parameters.take("record", text)?,
            outcome: parameters.take("outcome", outcome)?,
            reason: parameters.take("reason", text)?,
            client_id: parameters.take("client_id", text)?,
            address: parameters.take("address", text)?,
            request_id: parameters.take("request_id", text)?,
            since: parameters.take("since", moment)?,
            until: parameters.take("until", moment)?,
        };
        let list = format!("audit {filter:?}");
        Ok(Self { limit, cursor, filter, list })
    }

    fn about(&self) -> Option<UserId> {
        let AuditFilter { owner, actor, resource, record, .. } = &self.filter;
        let of_user = |id: &str| id.parse().ok();
        let actor = || actor.as_deref().and_then(|actor| of_user(actor.strip_prefix("user:")?));
        let record =
            || record.as_deref().filter(|_| resource.as_deref() == Some(User::NAME)).and_then(of_user);
        owner.or_else(actor).or_else(record)
    }
}

fn outcome(value: &str) -> Result<String, &'static str> {
    match value {
        "done" | "refused" | "overflow" => Ok(value.to_owned()),
        _ => Err("must be done, refused or overflow"),
    }
}
