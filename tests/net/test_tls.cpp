/// TLS in and out over real sockets: what is agreed on, who is trusted, and certificates exchanged while serving.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "certificates.h"
#include "tcp_rig.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

using Failures = std::map<HandshakeFailure, int>;

struct TlsRig : TcpRig {
  TlsRig() {
    const auto folder = std::filesystem::path(testing::TempDir()) / fmt::format("thalamus_tls_{}", ::getpid());
    std::filesystem::create_directories(folder);
    files.certificate_file = folder / "server.pem";
    files.key_file = folder / "server.key";
    authority_file = folder / "authority.pem";
    authority = make_certificate("test authority", nullptr, nullptr);
    std::ofstream(authority_file) << authority.certificate_pem;
    write(make_certificate("localhost", "DNS:localhost", &authority));
    endpoint.tls = true;
    endpoint.host = "localhost";
    endpoint.ca_file = authority_file;
  }
  ~TlsRig() { std::filesystem::remove_all(std::filesystem::path(authority_file).parent_path()); }
  TlsRig(const TlsRig&) = delete;
  TlsRig& operator=(const TlsRig&) = delete;

  void write(const KeyAndCertificate& one) const {
    std::ofstream(files.certificate_file) << one.certificate_pem;
    std::ofstream(files.key_file) << one.key_pem;
  }
  void serve_tls() {
    identity = TlsIdentity::load(files).value();
    gate.tell_handshake_failures([this](HandshakeFailure reason) { ++failures[reason]; });
    handler = [this](HttpRequest& request, Responder& responder) {
      http2 = request.http2;
      return echo(request, responder);
    };
    serve();
  }
  [[nodiscard]] const Failures& failed() const { return failures; }
  Got ask() { return run(context, call(client, endpoint, "body")); }

  KeyAndCertificate authority;
  TlsFiles files;
  std::string authority_file;
  Failures failures;
  bool http2 = false;
};

TEST(TlsServer, AgreesOnWhatTheClientOffers) {
  TlsRig rig;
  rig.serve_tls();
  for (const auto version : {HttpVersion::kAuto, HttpVersion::kHttp1, HttpVersion::kHttp2}) {
    rig.endpoint.version = version;
    for (int i = 0; i < 2; ++i) {
      const Got got = rig.ask();
      EXPECT_EQ(got.body, "POST /x? body") << got.error.message;
      EXPECT_EQ(rig.http2, version != HttpVersion::kHttp1);
    }
  }
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(TlsServer, WithoutHttp2AgreesOnHttp1) {
  TlsRig rig;
  rig.limits.streams_max = 0;
  rig.serve_tls();
  EXPECT_EQ(rig.ask().body, "POST /x? body");
  EXPECT_FALSE(rig.http2);
  rig.endpoint.version = HttpVersion::kHttp2;
  const Got got = rig.ask();
  EXPECT_EQ(got.error.kind, ErrorKind::kUnavailable) << got.body;
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, CarriesLargeBodiesOverBoth) {
  TlsRig rig;
  rig.serve_tls();
  const std::string large(5U << 20, 'x');
  for (const auto version : {HttpVersion::kHttp1, HttpVersion::kHttp2}) {
    rig.endpoint.version = version;
    const Got got = run(rig.context, call(rig.client, rig.endpoint, large));
    EXPECT_EQ(got.body.size(), large.size() + 9) << got.error.message;
  }
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, ExchangesItsCertificateWithoutTouchingConnections) {
  TlsRig rig;
  rig.serve_tls();
  EXPECT_EQ(rig.ask().status, 200);
  // The new one is of another authority, so that a new handshake tells.
  const auto other = make_certificate("other authority", nullptr, nullptr);
  rig.write(make_certificate("localhost", "DNS:localhost", &other));
  ASSERT_TRUE(rig.identity->reload().has_value());
  EXPECT_EQ(rig.ask().status, 200) << "the old connection goes on";
  TcpConnector fresh(rig.context);
  HttpClient second(fresh, rig.clock);
  const Got refused = run(rig.context, call(second, rig.endpoint, ""));
  EXPECT_NE(refused.error.message.find("certificate is not accepted"), std::string::npos) << refused.error.message;
  std::ofstream(rig.authority_file) << other.certificate_pem;
  TcpConnector trusting(rig.context);
  HttpClient third(trusting, rig.clock);
  EXPECT_EQ(run(rig.context, call(third, rig.endpoint, "")).status, 200);
  third.clear();
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, ABadFileChangesNothingAndSaysWhy) {
  TlsRig rig;
  rig.serve_tls();
  const auto expect_refusal = [&](const std::string& file, const std::string& part) {
    const Status status = rig.identity->reload();
    ASSERT_FALSE(status.has_value()) << part;
    EXPECT_EQ(status.error().kind, ErrorKind::kEnvironment);
    EXPECT_NE(status.error().message.find(file), std::string::npos) << status.error().message;
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
  };
  const auto good = make_certificate("localhost", "DNS:localhost", &rig.authority);
  const auto another = make_certificate("localhost", "DNS:localhost", &rig.authority);
  std::ofstream(rig.files.certificate_file) << "nonsense";
  expect_refusal(rig.files.certificate_file, "cannot be loaded");
  std::filesystem::remove(rig.files.certificate_file);
  expect_refusal(rig.files.certificate_file, "cannot be loaded");
  rig.write(good);
  std::ofstream(rig.files.key_file) << "nonsense";
  expect_refusal(rig.files.key_file, "cannot be loaded");
  std::ofstream(rig.files.key_file) << another.key_pem;
  expect_refusal(rig.files.key_file, "key");
  TcpConnector fresh(rig.context);
  HttpClient second(fresh, rig.clock);
  EXPECT_EQ(run(rig.context, call(second, rig.endpoint, "")).status, 200) << "the old certificate serves on";
  second.clear();
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  TlsFiles missing;
  missing.certificate_file = "/nonexistent/a.pem";
  missing.key_file = "/nonexistent/a.key";
  EXPECT_EQ(TlsIdentity::load(missing).error().kind, ErrorKind::kEnvironment);
}

/// The key under a password, as OpenSSL's tools write it: PKCS #8, and the older form of one algorithm.
std::vector<std::string> protected_forms(const KeyAndCertificate& one) {
  EVP_PKEY* key = one.key.get();
  const auto* cipher = EVP_aes_128_cbc();
  return {
      pem_of([&](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, "secret", 6, nullptr, nullptr); }),
      pem_of([&](BIO* bio) {
        return PEM_write_bio_PrivateKey_traditional(bio, key, cipher, nullptr, 0, nullptr, const_cast<char*>("secret"));
      })};
}

Status status_of_load(const TlsFiles& files) {
  auto loaded = TlsIdentity::load(files);
  if (!loaded) return std::unexpected(std::move(loaded).error());
  return {};
}

TEST(TlsServer, AKeyUnderAPasswordIsRefusedAndNobodyIsAsked) {
  TlsRig rig;
  rig.serve_tls();
  const auto good = make_certificate("localhost", "DNS:localhost", &rig.authority);
  for (const std::string& form : protected_forms(good)) {
    ASSERT_NE(form.find("ENCRYPTED"), std::string::npos);
    rig.write(good);
    std::ofstream(rig.files.key_file) << form;
    for (const Status& status : {rig.identity->reload(), status_of_load(rig.files)}) {
      ASSERT_FALSE(status.has_value());
      EXPECT_EQ(status.error().kind, ErrorKind::kEnvironment);
      for (const std::string& part :
           {rig.files.key_file, std::string("is protected by a password"), std::string("openssl pkey")})
        EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
    }
  }
  // No password has been asked for in the certificate's file either.
  rig.write(good);
  std::ofstream(rig.files.certificate_file)
      << "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC," << std::string(32, 'A') << "\n\n"
      << std::string(64, 'A') << "\n-----END CERTIFICATE-----\n";
  const Status certificate = rig.identity->reload();
  ASSERT_FALSE(certificate.has_value());
  EXPECT_NE(certificate.error().message.find(rig.files.certificate_file + "' is protected by a password"),
            std::string::npos)
      << certificate.error().message;
  EXPECT_EQ(rig.ask().status, 200) << "the old one serves on";
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

struct ByHand {
  std::string answer;
  bool connected = false;
  std::string cipher;
};

/// A client made of OpenSSL: `prepare` sets what it offers.
Awaitable<ByHand> speak_by_hand(TlsRig& rig, asio::ssl::context& context, std::string request) {
  ByHand result;
  asio::ssl::stream<tcp::socket> stream(rig.context, context);
  const tcp::endpoint address(asio::ip::address_v4::loopback(), rig.listener.port());
  boost::system::error_code error;
  co_await stream.next_layer().async_connect(address, asio::redirect_error(asio::use_awaitable, error));
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return result;
  result.cipher = SSL_get_cipher_name(stream.native_handle());
  co_await asio::async_write(stream, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
  std::array<char, 4096> piece{};
  while (!error) {
    const auto got =
        co_await stream.async_read_some(asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
    result.answer.append(piece.data(), got);
  }
  result.connected = error == asio::error::eof && !result.answer.empty();
  co_return result;
}

constexpr const char* kRequest = "GET /hand HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST(TlsServer, SpeaksSoundVersionsAndCiphersOnlyAndEndsInOrder) {
  TlsRig rig;
  rig.serve_tls();
  const auto with = [&](int version, const char* ciphers) {
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX_set_security_level(context.native_handle(), 0);
    SSL_CTX_set_min_proto_version(context.native_handle(), version);
    SSL_CTX_set_max_proto_version(context.native_handle(), version);
    if (ciphers != nullptr) SSL_CTX_set_cipher_list(context.native_handle(), ciphers);
    return run(rig.context, speak_by_hand(rig, context, kRequest));
  };
  const ByHand newest = with(TLS1_3_VERSION, nullptr);
  EXPECT_TRUE(newest.connected) << "close_notify comes before the end";
  EXPECT_TRUE(newest.answer.ends_with("GET /hand? ")) << newest.answer;
  EXPECT_TRUE(with(TLS1_2_VERSION, nullptr).connected);
  EXPECT_FALSE(with(TLS1_1_VERSION, nullptr).connected);
  EXPECT_FALSE(with(TLS1_2_VERSION, "AES128-SHA:AES256-SHA256:ECDHE-ECDSA-AES128-SHA").connected);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, RefusesAProtocolItDoesNotSpeak) {
  TlsRig rig;
  rig.serve_tls();
  asio::ssl::context context(asio::ssl::context::tls_client);
  constexpr unsigned char kOffer[] = "\x04spdy";
  SSL_CTX_set_alpn_protos(context.native_handle(), kOffer, sizeof(kOffer) - 1);
  EXPECT_FALSE(run(rig.context, speak_by_hand(rig, context, kRequest)).connected);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, AsksForAClientCertificateWhereAnAuthorityIsNamed) {
  TlsRig rig;
  rig.files.client_ca_file = rig.authority_file;
  rig.serve_tls();
  const auto with = [&](const KeyAndCertificate* own) {
    asio::ssl::context context(asio::ssl::context::tls_client);
    if (own != nullptr) {
      context.use_certificate_chain(asio::buffer(own->certificate_pem));
      context.use_private_key(asio::buffer(own->key_pem), asio::ssl::context::pem);
    }
    return run(rig.context, speak_by_hand(rig, context, kRequest));
  };
  const auto friendly = make_certificate("client", "DNS:client", &rig.authority);
  const auto strangers = make_certificate("other authority", nullptr, nullptr);
  const auto strange = make_certificate("client", "DNS:client", &strangers);
  EXPECT_TRUE(with(&friendly).connected);
  EXPECT_EQ(rig.failed(), Failures());
  EXPECT_FALSE(with(&strange).connected);
  EXPECT_FALSE(with(nullptr).connected);
  EXPECT_EQ(rig.failed(), (Failures{{HandshakeFailure::kCertificate, 2}}));
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<void> until_failed(TlsRig& rig, HandshakeFailure reason, int count) {
  while (rig.failures[reason] < count) co_await pause_ms(1);
}

Awaitable<std::string> say_and_read(TlsRig& rig, std::string text) {
  Endpoint plain = rig.endpoint;
  plain.tls = false;
  plain.host = "127.0.0.1";
  auto stream = co_await rig.connector.connect(plain, kNever);
  static_cast<void>(co_await write_text(**stream, text));
  co_return co_await read_to_end(**stream);
}

TEST(TlsServer, BoundsTheHandshakeAndSaysWhereHttpIsSpoken) {
  TlsRig rig;
  rig.limits.head_timeout = Nanoseconds::from_ms(20);
  rig.serve_tls();
  EXPECT_EQ(run(rig.context, say_and_read(rig, "")), "") << "silence ends";
  EXPECT_EQ(rig.failed(), (Failures{{HandshakeFailure::kTimeout, 1}}));
  for (const std::size_t more : {0U, 100'000U}) {
    const std::string body(more, 'x');
    const std::string answer = run(rig.context, say_and_read(rig, "POST / HTTP/1.1\r\nHost: h\r\n\r\n" + body));
    EXPECT_EQ(status_of(answer), 400) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nthis port speaks TLS: use https\n")) << answer;
  }
  EXPECT_EQ(run(rig.context, say_and_read(rig, "\x16\x03\x01nonsense")).find("HTTP"), std::string::npos);
  run(rig.context, until_failed(rig, HandshakeFailure::kProtocol, 3));
  EXPECT_EQ(rig.failed(), (Failures{{HandshakeFailure::kTimeout, 1}, {HandshakeFailure::kProtocol, 3}}));
  EXPECT_EQ(rig.ask().status, 200);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

Awaitable<void> say_and_leave(TlsRig& rig, std::string text) {
  Endpoint plain = rig.endpoint;
  plain.tls = false;
  plain.host = "127.0.0.1";
  auto stream = co_await rig.connector.connect(plain, kNever);
  static_cast<void>(co_await write_text(**stream, text));
  (*stream)->close();
  while (rig.failed().empty()) co_await pause_ms(1);
}

TEST(TlsServer, CountsWhomItDoesNotServeByTheReason) {
  const auto counted = [](const std::function<void(TlsRig&)>& act) {
    TlsRig rig;
    rig.serve_tls();
    act(rig);
    const Failures failed = rig.failed();
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context));
    return failed;
  };
  for (const std::string text : {"", "\x16\x03\x01"})
    EXPECT_EQ(counted([&](TlsRig& rig) { run(rig.context, say_and_leave(rig, text)); }),
              (Failures{{HandshakeFailure::kClosed, 1}}));
  EXPECT_EQ(counted([](TlsRig& rig) {
              rig.limits.connections_max = 0;
              run(rig.context, say_and_leave(rig, ""));
            }),
            (Failures{{HandshakeFailure::kLimit, 1}}));
  // The client does not trust the server, and says so.
  EXPECT_EQ(counted([](TlsRig& rig) {
              const auto other = make_certificate("other authority", nullptr, nullptr);
              std::ofstream(rig.authority_file) << other.certificate_pem;
              EXPECT_NE(rig.ask().error.message.find("certificate is not accepted"), std::string::npos);
              run(rig.context, until_failed(rig, HandshakeFailure::kCertificate, 1));
            }),
            (Failures{{HandshakeFailure::kCertificate, 1}}));
  EXPECT_EQ(counted([](TlsRig& rig) {
              asio::ssl::context context(asio::ssl::context::tls_client);
              SSL_CTX_set_security_level(context.native_handle(), 0);
              SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_1_VERSION);
              SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
              EXPECT_FALSE(run(rig.context, speak_by_hand(rig, context, kRequest)).connected);
            }),
            (Failures{{HandshakeFailure::kProtocol, 1}}));
}

std::unique_ptr<Stream> connect_plain(TlsRig& rig) {
  tcp::socket socket(rig.context);
  socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), rig.listener.port()));
  return make_tcp_stream(std::move(socket));
}
Awaitable<bool> stop_within_a_handshake(TlsRig& rig) {
  while (rig.gate.inside() == 0) co_await pause_ms(1);
  rig.gate.close();
  co_return co_await wait_until_empty(rig.gate, Nanoseconds::from_ms(500));
}

TEST(TlsServer, AStopWaitsForASilentHandshakeForHalfOfItsPatience) {
  TlsRig rig;
  rig.limits.stop_patience = Nanoseconds::from_ms(80);
  rig.serve_tls();
  const auto silent = connect_plain(rig);
  const Nanoseconds begun = rig.clock.now();
  EXPECT_TRUE(run(rig.context, stop_within_a_handshake(rig)));
  EXPECT_GE(rig.clock.now() - begun, Nanoseconds::from_ms(35));
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(TlsServer, AStopServesWhoeverIsInAHandshake) {
  for (const HttpVersion version : {HttpVersion::kHttp1, HttpVersion::kHttp2}) {
    TlsRig rig;
    rig.endpoint.version = version;
    rig.serve_tls();
    asio::co_spawn(rig.context, stop_within_a_handshake(rig), asio::detached);
    const Got got = rig.ask();
    EXPECT_EQ(got.status, 200) << got.error.message;
    EXPECT_EQ(got.body, "POST /x? body");
    rig.client.clear();
    EXPECT_TRUE(run_dry(rig.context));
    EXPECT_EQ(rig.gate.inside(), 0U);
  }
}

}  // namespace
}  // namespace thalamus::net
