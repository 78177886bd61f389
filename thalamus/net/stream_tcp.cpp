#include "thalamus/net/stream_tcp.h"

#include "thalamus/net/socket_stream.h"

namespace thalamus::net {

std::string peer_name(const asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return "unknown";
  const auto address = remote.address();
  return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), remote.port())
                         : fmt::format("{}:{}", address.to_string(), remote.port());
}

std::unique_ptr<Stream> make_tcp_stream(asio::ip::tcp::socket socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  std::string peer = peer_name(socket);
  return std::make_unique<SocketStream<asio::ip::tcp::socket>>(std::move(socket), std::move(peer));
}

std::unique_ptr<Stream> make_unix_stream(asio::local::stream_protocol::socket socket, std::string path) {
  return std::make_unique<SocketStream<asio::local::stream_protocol::socket>>(std::move(socket), "unix:" + path);
}

}  // namespace thalamus::net
