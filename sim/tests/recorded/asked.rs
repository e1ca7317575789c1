//! Asking: a node on two ports, and the requests as they were made of the real one.

use leyden_sim::{
    SimNode,
    http::{self, Face},
};
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, net::SocketAddr, time::Duration};

/// A running node.
pub(crate) struct Asked {
    wallet: SocketAddr,
    solidity: SocketAddr,
    client: reqwest::Client,
}

impl Asked {
    /// Serves a node as a java-tron does.
    pub(crate) fn serve(node: SimNode) -> Self {
        Self::serve_face(node, Face::new())
    }

    /// The same with a face that can do less.
    pub(crate) fn serve_face(node: SimNode, face: Face) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let (server, wallet, solidity) = http::serve_split(node, face, any, any).unwrap();
        actix_web::rt::System::current().arbiter().spawn(async move {
            server.await.unwrap();
        });
        let patience = Duration::from_secs(10);
        let client = leyden_tron::node::http_client(patience, patience).unwrap();
        Self { wallet, solidity, client }
    }

    /// Status and text of an answer; each family is asked where it is served.
    pub(crate) async fn raw(&self, method: &str, path: &str, body: &Map<String, Value>) -> (u16, String) {
        let host = if path.starts_with("/walletsolidity") { self.solidity } else { self.wallet };
        let request = if method == "GET" {
            let mut query = String::new();
            for (key, value) in body {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                write!(query, "{key}={value}&").unwrap();
            }
            self.client.get(format!("http://{host}{path}?{query}"))
        } else {
            self.client.post(format!("http://{host}{path}")).body(spaced(body))
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// An answer in JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let text = self.raw("POST", path, body.as_object().unwrap_or(&Map::new())).await.1;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Offers bytes.
    pub(crate) async fn offer(&self, bytes: &[u8]) -> Value {
        self.post("/wallet/broadcasthex", &json!({ "transaction": hex::encode(bytes) })).await
    }
}

/// A body with the blanks that the recorded requests had, `visible` last: errors name places in it.
fn spaced(body: &Map<String, Value>) -> String {
    let last = |key: &&String| key.as_str() == "visible";
    let ordered = body.keys().filter(|key| !last(key)).chain(body.keys().filter(last));
    let members: Vec<String> =
        ordered.filter_map(|key| body.get(key).map(|value| format!("\"{key}\": {value}"))).collect();
    format!("{{{}}}", members.join(", "))
}
