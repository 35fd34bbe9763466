include!("preamble.rs");

async fn open_door() -> actix_web::HttpResponse {
    actix_web::HttpResponse::Ok().finish()
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/door", "Open the door", open_door)
}
