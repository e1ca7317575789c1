//! The pages of the server that java-tron runs in. A path that nobody serves is answered by a servlet that knows GET
//! only to say 404, and no other method: a full node that is asked for `/walletsolidity` therefore says 405 to POST.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
};

/// The answer to a path that is not served.
pub(super) fn nowhere(request: &HttpRequest) -> HttpResponse {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return page(request, StatusCode::NOT_FOUND, "Not Found");
    }
    let message = format!("HTTP method {} is not supported by this URL", request.method());
    page(request, StatusCode::METHOD_NOT_ALLOWED, &message)
}

/// Whether a method is one that the servlets of java-tron have.
pub(super) fn is_served(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

/// A page about an error.
fn page(request: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse {
    let code = status.as_u16();
    let path = escaped(request.path());
    let message = escaped(message);
    HttpResponse::build(status).content_type("text/html;charset=iso-8859-1").body(format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
         <title>Error {code} {message}</title>\n</head>\n<body><h2>HTTP ERROR {code} {message}</h2>\n<table>\n\
         <tr><th>URI:</th><td>{path}</td></tr>\n<tr><th>STATUS:</th><td>{code}</td></tr>\n\
         <tr><th>MESSAGE:</th><td>{message}</td></tr>\n</table>\n\n</body>\n</html>\n"
    ))
}

/// A text that cannot be taken for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
