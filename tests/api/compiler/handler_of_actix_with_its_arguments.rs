include!("preamble.rs");

async fn read(id: actix_web::web::Path<String>) -> actix_web::HttpResponse {
    actix_web::HttpResponse::Ok().body(id.into_inner())
}

pub fn mount() -> Endpoint {
    endpoint(Method::GET, "/notes/{id}", "Read a note", read)
}
