//! Records of a seed file: they are created through the server's own routes, as the users that the file names.

use serde_json::{Map, Value, json};

use super::test_server::SeedRecord;
use super::verify::{Client, Request, VerifyError};

/// A record to create.
struct Order<'a> {
    path: &'a str,
    by: &'a str,
    body: &'a Value,
}

/// Creates the records of a seed file on the test server at `url`, and makes the result its baseline. Its member
/// `records` names the path of each route that creates: `{"/notes": [{"as": "alice", "body": {…}}]}`.
///
/// # Errors
/// When a record breaks a rule of the file, or the server refuses it.
pub(crate) fn create(url: &str, seed: &Map<String, Value>) -> Result<Vec<SeedRecord>, VerifyError> {
    let client = Client::of(url);
    let made: Result<Vec<SeedRecord>, VerifyError> =
        orders(seed)?.into_iter().map(|order| record(&client, &order)).collect();
    let baseline = client.send(&Request::post("/test/baseline"), None)?;
    match baseline.is_success() {
        true => made,
        false => Err(VerifyError::new(format!("the baseline was not set: {}", baseline.summary()))),
    }
}

fn orders(seed: &Map<String, Value>) -> Result<Vec<Order<'_>>, VerifyError> {
    let wrong = |pointer: String, rule: &str| VerifyError::new(format!("{pointer} {rule}"));
    let Some(records) = seed.get("records") else { return Ok(Vec::new()) };
    let object = records.as_object();
    let paths = object.ok_or_else(|| wrong("/records".to_owned(), "must be an object of paths"))?;
    let mut orders = Vec::new();
    for (path, items) in paths {
        let pointer = format!("/records/{}", path.replace('~', "~0").replace('/', "~1"));
        if !path.starts_with('/') {
            return Err(wrong(pointer, "must be the path of a route that creates, such as /notes"));
        }
        let items = items.as_array().ok_or_else(|| wrong(pointer.clone(), "must be an array"))?;
        for (index, item) in items.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let members = item.as_object().ok_or_else(|| wrong(at.clone(), "must be an object"))?;
            let known = members.keys().find(|name| !["as", "body"].contains(&name.as_str()));
            if let Some(unknown) = known {
                return Err(wrong(format!("{at}/{unknown}"), "is not a known member"));
            }
            let by = members.get("as").and_then(Value::as_str);
            let by = by.ok_or_else(|| wrong(format!("{at}/as"), "must name a user or a client"))?;
            let body = members.get("body").filter(|body| body.is_object());
            let body = body.ok_or_else(|| wrong(format!("{at}/body"), "must be an object"))?;
            orders.push(Order { path, by, body });
        }
    }
    Ok(orders)
}

fn record(client: &Client, order: &Order<'_>) -> Result<SeedRecord, VerifyError> {
    let Order { path, by, body } = *order;
    let refused = |answer: &str| VerifyError::new(format!("POST {path} as {by} is refused: {answer}"));
    let token = client.send(&Request::post("/test/token").json(&json!({ "as": by })), None)?;
    if !token.is_success() {
        return Err(refused(&token.body));
    }
    let answer = client.send(&Request::post(path).json(body), Some(&token.text("token")?))?;
    if !answer.is_success() {
        return Err(refused(&answer.body));
    }
    let location = answer.header("location").unwrap_or(path);
    let path = location.strip_prefix(client.url()).unwrap_or(location).to_owned();
    Ok(SeedRecord { path, by: by.to_owned(), record: answer.json() })
}
