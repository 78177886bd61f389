/// A server and a client over real sockets on loopback.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "rig.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/tls_identity.h"

namespace thalamus::net {

using asio::ip::tcp;

struct TcpRig {
  base::SystemClock clock;
  asio::io_context context{1};
  ServerLimits limits;
  Handler handler = echo;
  ErrorBody error_body = error_body_of_tests;
  Gate gate;
  Listener listener = Listener::bind("127.0.0.1", 0).value();
  tcp::acceptor acceptor = listener.acceptor(context).value();
  TcpConnector connector{context};
  HttpClient client{connector, clock};
  Endpoint endpoint;
  std::shared_ptr<TlsIdentity> identity;  ///< set before `serve`

  TcpRig() {
    endpoint.host = "127.0.0.1";
    endpoint.port = listener.port();
  }
  void serve() {
    asio::co_spawn(context, accept_loop(acceptor, limits, handler, error_body, clock, gate, identity), asio::detached);
  }
  void stop() {
    acceptor.close();
    client.clear();
    gate.close();
  }
};

struct Got {
  int status = 0;
  std::string body;
  Error error;
};

inline Awaitable<Got> call(HttpClient& client, const Endpoint& endpoint, std::string body, CallLimits limits = {}) {
  Got got;
  HttpCall request;
  request.path = "/x";
  request.body = body;
  auto exchange = co_await client.send(endpoint, request, limits, nullptr);
  if (!exchange) {
    got.error = exchange.error();
    co_return got;
  }
  got.status = (*exchange)->status();
  auto answer = co_await (*exchange)->read_all(64U << 20);
  if (answer) {
    got.body = *answer;
  } else {
    got.error = answer.error();
  }
  co_return got;
}

}  // namespace thalamus::net
