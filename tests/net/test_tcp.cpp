/// Real sockets on loopback: TCP, Unix and TLS with an authority made by the test.
#include <gtest/gtest.h>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "certificates.h"
#include "tcp_rig.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

using asio::ip::tcp;

TEST(Tcp, CarriesCallsThereAndBackOverOneConnection) {
  TcpRig rig;
  rig.serve();
  for (int i = 0; i < 3; ++i) {
    const Got got = run(rig.context, call(rig.client, rig.endpoint, "small"));
    EXPECT_EQ(got.body, "POST /x? small") << got.error.message;
  }
  EXPECT_EQ(rig.gate.inside(), 1U);
  // More than the socket buffers hold, so that writes come in parts.
  const std::string large(8U << 20, 'x');
  const Got got = run(rig.context, call(rig.client, rig.endpoint, large));
  EXPECT_EQ(got.body.size(), large.size() + 9) << got.error.message;
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Tcp, CarriesHttp2BesideHttp1OnOneListener) {
  TcpRig rig;
  rig.serve();
  for (const auto version : {HttpVersion::kHttp2, HttpVersion::kAuto, HttpVersion::kHttp2}) {
    rig.endpoint.version = version;
    EXPECT_EQ(run(rig.context, call(rig.client, rig.endpoint, "small")).body, "POST /x? small");
    const std::string large(8U << 20, 'x');
    const Got got = run(rig.context, call(rig.client, rig.endpoint, large));
    EXPECT_EQ(got.body.size(), large.size() + 9) << got.error.message;
  }
  EXPECT_EQ(rig.gate.inside(), 2U) << "one connection of each";
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Tcp, NamesAPortThatIsInUse) {
  const auto first = Listener::bind("127.0.0.1", 0).value();
  asio::io_context one;
  asio::io_context two;
  const auto acceptor = first.acceptor(one).value();
  const auto further = first.acceptor(two);
  ASSERT_TRUE(further.has_value()) << further.error().message;
  const auto second = Listener::bind("127.0.0.1", first.port());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(second.error().message, fmt::format("127.0.0.1:{} is in use by another process; choose another `listen` "
                                                "address or stop it",
                                                first.port()));
  EXPECT_EQ(Listener::bind("nowhere.example", 80).error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(Listener::bind("192.0.2.1", 0).error().kind, ErrorKind::kEnvironment);
}

TEST(Tcp, FreesThePortWithTheLastAcceptor) {
  std::uint16_t port = 0;
  {
    asio::io_context context;
    const auto listener = Listener::bind("127.0.0.1", 0).value();
    const auto acceptor = listener.acceptor(context).value();
    port = listener.port();
  }
  EXPECT_TRUE(Listener::bind("127.0.0.1", port).has_value());
}

TEST(Tcp, SetsNoDelayOnBothSides) {
  TcpRig rig;
  tcp::socket out(rig.context);
  out.connect(tcp::endpoint(asio::ip::address_v4::loopback(), rig.listener.port()));
  tcp::socket in = rig.acceptor.accept();
  const int descriptors[] = {out.native_handle(), in.native_handle()};
  const auto one = make_tcp_stream(std::move(out));
  const auto other = make_tcp_stream(std::move(in));
  EXPECT_TRUE(one->peer().starts_with("127.0.0.1:"));
  for (const int descriptor : descriptors) {
    int value = 0;
    socklen_t size = sizeof(value);
    ASSERT_EQ(::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    EXPECT_EQ(value, 1);
  }
}

struct Ends {
  std::unique_ptr<Stream> one;
  std::unique_ptr<Stream> other;
};
Ends connected(TcpRig& rig) {
  tcp::socket out(rig.context);
  out.connect(tcp::endpoint(asio::ip::address_v4::loopback(), rig.listener.port()));
  Ends ends;
  ends.other = make_tcp_stream(rig.acceptor.accept());
  ends.one = make_tcp_stream(std::move(out));
  return ends;
}

Awaitable<Result<std::size_t>> read_within(Stream& stream, Nanoseconds deadline) {
  std::array<char, 16> piece{};
  co_return co_await stream.read_some(asio::buffer(piece), deadline);
}
Awaitable<void> close_soon(Stream& stream) {
  co_await pause_ms(2);
  stream.close();
}

TEST(Tcp, ALateReadFailsAndTheStreamGoesOn) {
  TcpRig rig;
  Ends ends = connected(rig);
  for (int i = 0; i < 3; ++i) {
    const auto late = run(rig.context, read_within(*ends.one, rig.clock.now() + Nanoseconds::from_ms(5)));
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
    run(rig.context, write_text(*ends.other, "abc")).value();
    EXPECT_EQ(run(rig.context, read_within(*ends.one, rig.clock.now() + Nanoseconds::from_ms(500))).value(), 3U);
  }
}

TEST(Tcp, ClosingFailsThePendingReadAndAnEndIsZeroBytes) {
  TcpRig rig;
  Ends ends = connected(rig);
  asio::co_spawn(rig.context, close_soon(*ends.one), asio::detached);
  const auto closed = run(rig.context, read_within(*ends.one, kNever));
  ASSERT_FALSE(closed.has_value());
  EXPECT_EQ(closed.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(run(rig.context, read_within(*ends.other, kNever)).value(), 0U);
}

TEST(Tcp, ALateWriteFails) {
  TcpRig rig;
  Ends ends = connected(rig);
  const std::string large(32U << 20, 'x');
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(large), asio::buffer(large)};
  const auto late = run(rig.context, ends.one->write(buffers, rig.clock.now() + Nanoseconds::from_ms(20)));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
}

Awaitable<std::string> read_refusal(Endpoint endpoint, TcpConnector& connector) {
  auto stream = co_await connector.connect(endpoint, kNever);
  static_cast<void>(co_await write_text(**stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  co_return co_await read_to_end(**stream);
}

TEST(Tcp, TellsOneConnectionTooManyToComeBackLater) {
  TcpRig rig;
  rig.limits.connections_max = 1;
  rig.serve();
  EXPECT_EQ(run(rig.context, call(rig.client, rig.endpoint, "first")).status, 200);
  const std::string answer = run(rig.context, read_refusal(rig.endpoint, rig.connector));
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
  EXPECT_EQ(run(rig.context, call(rig.client, rig.endpoint, "again")).status, 200);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<void> notice(bool* entered, bool* gone, HttpRequest&, Responder& responder) {
  *entered = true;
  responder.client_gone().add([gone] { *gone = true; });
  for (int i = 0; i < 1'000 && !*gone; ++i) co_await pause_ms(1);
}
Awaitable<void> leave_halfway(TcpRig& rig, bool& entered, bool& gone, bool reset) {
  tcp::socket socket(rig.context);
  const tcp::endpoint address(asio::ip::address_v4::loopback(), rig.listener.port());
  co_await socket.async_connect(address, asio::use_awaitable);
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  while (!entered) co_await pause_ms(1);
  if (reset) socket.set_option(asio::socket_base::linger(true, 0));
  socket.close();
  while (!gone) co_await pause_ms(1);
}

TEST(Tcp, NoticesAClientThatClosesOrResets) {
  for (const bool reset : {false, true}) {
    TcpRig rig;
    bool entered = false;
    bool gone = false;
    rig.handler = [&](HttpRequest& request, Responder& responder) {
      return notice(&entered, &gone, request, responder);
    };
    rig.serve();
    run(rig.context, leave_halfway(rig, entered, gone, reset));
    EXPECT_TRUE(gone);
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context));
    EXPECT_EQ(rig.gate.inside(), 0U);
  }
}

TEST(Tcp, SaysWhyItCannotConnect) {
  TcpRig rig;
  Endpoint nobody = rig.endpoint;
  {
    const auto listener = Listener::bind("127.0.0.1", 0).value();
    nobody.port = listener.port();
  }
  const Got refused = run(rig.context, call(rig.client, nobody, ""));
  EXPECT_EQ(refused.error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(refused.error.message.find(fmt::format("127.0.0.1:{}", nobody.port)), std::string::npos);
  EXPECT_NE(refused.error.message.find("refused"), std::string::npos) << refused.error.message;
  Endpoint unknown = rig.endpoint;
  unknown.host = "name.invalid";
  CallLimits limits;
  limits.connect_timeout = Nanoseconds::from_ms(50);
  const Got unresolved = run(rig.context, call(rig.client, unknown, "", limits));
  EXPECT_TRUE(unresolved.error.kind == ErrorKind::kUnavailable || unresolved.error.kind == ErrorKind::kTimeout);
  EXPECT_NE(unresolved.error.message.find("name.invalid"), std::string::npos);
  Endpoint no_socket = rig.endpoint;
  no_socket.unix_socket = true;
  no_socket.host = "/nonexistent/socket";
  EXPECT_EQ(run(rig.context, call(rig.client, no_socket, "")).error.kind, ErrorKind::kUnavailable);
}

Awaitable<void> serve_unix(asio::local::stream_protocol::acceptor& acceptor, TcpRig& rig) {
  auto socket = co_await acceptor.async_accept(asio::use_awaitable);
  auto stream = make_unix_stream(std::move(socket), "test");
  co_await serve_connection(std::move(stream), rig.limits, rig.handler, rig.error_body, rig.clock, rig.gate);
}

TEST(Tcp, SpeaksOverUnixSockets) {
  TcpRig rig;
  const auto path = std::filesystem::path(testing::TempDir()) / fmt::format("thalamus_net_{}.sock", ::getpid());
  std::filesystem::remove(path);
  asio::local::stream_protocol::acceptor acceptor(rig.context, asio::local::stream_protocol::endpoint(path.string()));
  asio::co_spawn(rig.context, serve_unix(acceptor, rig), asio::detached);
  const Endpoint endpoint = parse_base_url("unix:" + path.string() + ":/v1").value();
  EXPECT_EQ(run(rig.context, call(rig.client, endpoint, "b")).body, "POST /v1/x? b");
  rig.stop();
  std::filesystem::remove(path);
}

// ---- TLS
// -------------------------------------------------------------------------------------------------------------

int choose_http(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered, unsigned size,
                void*) {
  static const unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, kOurs, sizeof(kOurs) - 1, offered, size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct TlsSeen {
  std::string server_name;
  std::string protocol;
  std::string request;
};

/// One connection: handshake, a request's head, an answer, an orderly end.
Awaitable<void> serve_tls(tcp::acceptor& acceptor, asio::ssl::context& context, TlsSeen& seen) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  asio::ssl::stream<tcp::socket> stream(std::move(socket), context);
  boost::system::error_code error;
  co_await stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  if (const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name)) seen.server_name = name;
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(stream.native_handle(), &protocol, &size);
  seen.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  std::array<char, 1024> piece{};
  while (seen.request.find("\r\n\r\n") == std::string::npos) {
    const auto got =
        co_await stream.async_read_some(asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    seen.request.append(piece.data(), got);
  }
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
  co_await asio::async_write(stream, asio::buffer(answer), asio::redirect_error(asio::use_awaitable, error));
  co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
}

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("SSL_CERT_FILE");
    ca_file_ = testing::TempDir() + fmt::format("thalamus_net_ca_{}.pem", ::getpid());
    authority_ = make_certificate("test authority", nullptr, nullptr);
    server_ = make_certificate("localhost", "DNS:localhost", &authority_);
    std::ofstream(ca_file_) << authority_.certificate_pem;
    context_.use_certificate_chain(asio::buffer(server_.certificate_pem));
    context_.use_private_key(asio::buffer(server_.key_pem), asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(context_.native_handle(), choose_http, nullptr);
  }
  void TearDown() override {
    std::filesystem::remove(ca_file_);
    ::unsetenv("SSL_CERT_FILE");
  }
  Got call_server(const std::string& host, const std::string& ca_file) {
    TcpRig rig;
    asio::co_spawn(rig.context, serve_tls(rig.acceptor, context_, seen_), asio::detached);
    Endpoint endpoint = rig.endpoint;
    endpoint.tls = true;
    endpoint.host = host;
    endpoint.ca_file = ca_file;
    return run(rig.context, call(rig.client, endpoint, ""));
  }

  KeyAndCertificate authority_;
  KeyAndCertificate server_;
  std::string ca_file_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  TlsSeen seen_;
};

TEST_F(Tls, SpeaksToAServerWhoseAuthorityIsNamed) {
  const Got got = call_server("localhost", ca_file_);
  EXPECT_EQ(got.body, "secret") << got.error.message;
  EXPECT_EQ(seen_.server_name, "localhost");
  EXPECT_EQ(seen_.protocol, "http/1.1");
  EXPECT_TRUE(seen_.request.starts_with("POST /x HTTP/1.1\r\nHost: localhost:"));
}

TEST_F(Tls, TakesAChangedFileOfAuthoritiesAtTheNextConnection) {
  TcpRig rig;
  Endpoint endpoint = rig.endpoint;
  endpoint.tls = true;
  endpoint.host = "localhost";
  endpoint.ca_file = ca_file_;
  const auto call_again = [&] {
    asio::co_spawn(rig.context, serve_tls(rig.acceptor, context_, seen_), asio::detached);
    rig.context.restart();
    return run(rig.context, call(rig.client, endpoint, ""));
  };
  EXPECT_EQ(call_again().body, "secret");
  const KeyAndCertificate other = make_certificate("another authority", nullptr, nullptr);
  std::ofstream(ca_file_) << other.certificate_pem;
  EXPECT_NE(call_again().error.message.find("certificate is not accepted"), std::string::npos);
  std::ofstream(ca_file_) << authority_.certificate_pem << "\n";
  EXPECT_EQ(call_again().body, "secret");
  std::ofstream(ca_file_) << "no certificate";
  EXPECT_EQ(call_again().body, "secret") << "half a file takes nothing away";
}

TEST_F(Tls, HonoursTheUsualVariable) {
  ::setenv("SSL_CERT_FILE", ca_file_.c_str(), 1);
  EXPECT_EQ(call_server("localhost", "").body, "secret");
  ::setenv("SSL_CERT_FILE", "/nonexistent/ca.pem", 1);
  const Got got = call_server("localhost", "");
  EXPECT_EQ(got.error.kind, ErrorKind::kEnvironment);
  EXPECT_NE(got.error.message.find("/nonexistent/ca.pem"), std::string::npos);
}

TEST_F(Tls, RefusesAnUnknownAuthority) {
  const Got got = call_server("localhost", "");
  EXPECT_EQ(got.error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(got.error.message.find("certificate is not accepted"), std::string::npos) << got.error.message;
  EXPECT_EQ(seen_.request, "") << "nothing was sent";
}

TEST_F(Tls, RefusesACertificateForAnotherHost) {
  const Got got = call_server("127.0.0.1", ca_file_);
  EXPECT_EQ(got.error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(got.error.message.find("IP address mismatch"), std::string::npos) << got.error.message;
  EXPECT_EQ(seen_.request, "");
  server_ = make_certificate("elsewhere", "DNS:elsewhere.example", &authority_);
  context_.use_certificate_chain(asio::buffer(server_.certificate_pem));
  context_.use_private_key(asio::buffer(server_.key_pem), asio::ssl::context::pem);
  const Got other = call_server("localhost", ca_file_);
  EXPECT_NE(other.error.message.find("ostname mismatch"), std::string::npos) << other.error.message;
}

TEST_F(Tls, SaysWhenTheOtherSideSpeaksNoTls) {
  TcpRig rig;
  rig.serve();
  Endpoint endpoint = rig.endpoint;
  endpoint.tls = true;
  const Got got = run(rig.context, call(rig.client, endpoint, ""));
  EXPECT_EQ(got.error.kind, ErrorKind::kUnavailable);
  EXPECT_NE(got.error.message.find("TLS handshake"), std::string::npos) << got.error.message;
}

TEST_F(Tls, BoundsTheHandshake) {
  TcpRig rig;  // connects in the kernel, but nobody speaks
  Endpoint endpoint = rig.endpoint;
  endpoint.tls = true;
  CallLimits limits;
  limits.connect_timeout = Nanoseconds::from_ms(20);
  EXPECT_EQ(run(rig.context, call(rig.client, endpoint, "", limits)).error.kind, ErrorKind::kTimeout);
}

TEST_F(Tls, NamesAFileThatHoldsNoCertificates) {
  std::ofstream(ca_file_) << "nothing";
  const Got got = call_server("localhost", ca_file_);
  EXPECT_EQ(got.error.kind, ErrorKind::kEnvironment);
  EXPECT_NE(got.error.message.find(ca_file_), std::string::npos);
}

}  // namespace
}  // namespace thalamus::net
