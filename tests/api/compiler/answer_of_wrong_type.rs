include!("preamble.rs");

async fn hello(_: Public) -> Result<String, Problem> {
    Ok("Good evening. Your coat?".to_owned())
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/hello", "Say hello", hello)
}
