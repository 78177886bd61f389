/// TLS over real sockets with every operation failing once, the client's and the server's: connect, accept, handshake,
/// reads, writes and the goodbye.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "certificates.h"
#include "socket_faults.h"
#include "tcp_rig.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

constexpr std::uint64_t kOperationsMax = 1'000;
const std::string kLong(40'000, 'x');  // several records, more than one read

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// Files of a server at 127.0.0.1 whose authority is the only one that is trusted: a bundle of the system's would be
/// read for each connector anew.
class TlsFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::path(testing::TempDir()) / fmt::format("thalamus_tls_faults_{}", ::getpid());
    std::filesystem::create_directories(folder_);
    const KeyAndCertificate authority = make_certificate("test authority", nullptr, nullptr);
    const KeyAndCertificate server = make_certificate("server", "IP:127.0.0.1", &authority);
    std::ofstream(folder_ / "authority.pem") << authority.certificate_pem;
    std::ofstream(folder_ / "server.pem") << server.certificate_pem;
    std::ofstream(folder_ / "server.key") << server.key_pem;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }
  void SetUp() override {
    ::setenv("SSL_CERT_FILE", (folder_ / "authority.pem").c_str(), 1);
    TlsFiles files;
    files.certificate_file = folder_ / "server.pem";
    files.key_file = folder_ / "server.key";
    identity_ = TlsIdentity::load(files).value();
  }
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }

  static void expect_failure_of_the_connection(const Error& error) {
    EXPECT_TRUE(error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kUpstream) << error.message;
    EXPECT_FALSE(error.message.empty());
  }

  /// Runs `once(counter)` with each operation failing, until one run has none left to fail; gives how many there were.
  template <class Once>
  static std::uint64_t fail_each(Once once) {
    once(std::uint64_t{0});  // what is made once for all runs is made
    const std::size_t descriptors = open_descriptors();
    std::uint64_t fail_at = 1;
    for (bool hit = true; hit && fail_at < kOperationsMax; ++fail_at) {
      SCOPED_TRACE(fmt::format("operation {}", fail_at));
      hit = once(fail_at);
      EXPECT_EQ(open_descriptors(), descriptors);
    }
    EXPECT_LT(fail_at, kOperationsMax);
    RecordProperty("operations", static_cast<int>(fail_at) - 2);
    return fail_at - 2;
  }

  bool calls(SocketSide side, HttpVersion version, std::uint64_t fail_at) const;

  static inline std::filesystem::path folder_;
  std::shared_ptr<TlsIdentity> identity_;
};

/// Two calls, and a third without faults. True where an operation failed.
bool TlsFaults::calls(SocketSide side, HttpVersion version, std::uint64_t fail_at) const {
  TcpRig rig;
  rig.endpoint.tls = true;
  rig.endpoint.version = version;
  rig.identity = identity_;
  int handled = 0;
  rig.handler = [&handled](HttpRequest& request, Responder& responder) {
    ++handled;
    EXPECT_EQ(request.body, kLong) << "no part of a body is handled";
    return echo(request, responder);
  };
  rig.serve();
  FailCounter counter;
  counter.fail_at = fail_at;
  int failures = 0;
  {
    const SocketFaults faults(side, rig.endpoint.port, counter);
    for (int i = 0; i < 2; ++i) {
      const Got got = run(rig.context, call(rig.client, rig.endpoint, kLong));
      if (got.error.message.empty()) {
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.body, "POST /x? " + kLong);
      } else {
        ++failures;
        expect_failure_of_the_connection(got.error);
      }
    }
  }
  EXPECT_LE(failures, 1) << "a broken connection is not used again";
  const Got after = run(rig.context, call(rig.client, rig.endpoint, kLong));
  EXPECT_EQ(after.body, "POST /x? " + kLong) << after.error.message;
  EXPECT_GE(handled, 3 - failures);
  EXPECT_TRUE(counter.hit || failures == 0);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
  EXPECT_EQ(rig.gate.failures(), 0U);
  return counter.hit;
}

TEST_F(TlsFaults, Http1EndsCleanlyWhicheverOperationOfTheClientFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return calls(SocketSide::kClient, HttpVersion::kHttp1, n); }), 8U);
}
TEST_F(TlsFaults, Http1EndsCleanlyWhicheverOperationOfTheServerFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return calls(SocketSide::kServer, HttpVersion::kHttp1, n); }), 8U);
}
TEST_F(TlsFaults, Http2EndsCleanlyWhicheverOperationOfTheClientFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return calls(SocketSide::kClient, HttpVersion::kHttp2, n); }), 8U);
}
TEST_F(TlsFaults, Http2EndsCleanlyWhicheverOperationOfTheServerFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return calls(SocketSide::kServer, HttpVersion::kHttp2, n); }), 8U);
}

/// What one end was told by the other.
struct Heard {
  bool connected = false;
  bool ended = false;  ///< in order, with TLS's own goodbye
  std::string text;
  Error error;
};

/// Reads to the end or the failure.
Awaitable<void> hear(Stream& stream, Heard& heard) {
  std::array<char, 4096> piece{};
  for (;;) {
    const auto got = co_await stream.read_some(asio::buffer(piece), kNever);
    if (!got) {
      heard.error = got.error();
      co_return;
    }
    if (*got == 0) {
      heard.ended = true;
      co_return;
    }
    heard.text.append(piece.data(), *got);
  }
}

/// Says `text` and goodbye; a failure closes.
Awaitable<void> say(Stream& stream, std::string_view text) {
  const Status written = co_await write_text(stream, text);
  if (written) {
    stream.finish_writing();
  } else {
    stream.close();
  }
}

Awaitable<void> answer_one(tcp::acceptor& acceptor, std::shared_ptr<TlsIdentity> identity, Heard& heard, bool& done) {
  boost::system::error_code error;
  tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
  Cancellation cancellation;
  if (!error) {
    auto stream =
        co_await accept_tls(std::move(socket), std::move(identity), HttpVersion::kHttp1, kNever, cancellation);
    heard.connected = stream.has_value();
    if (stream) {
      co_await hear(**stream, heard);
      if (heard.ended) co_await say(**stream, "goodbye");
    } else {
      heard.error = stream.error();
    }
  }
  done = true;
}

Awaitable<void> ask_one(TcpConnector& connector, Endpoint endpoint, Heard& heard) {
  auto stream = co_await connector.connect(endpoint, kNever);
  heard.connected = stream.has_value();
  if (!stream) {
    heard.error = stream.error();
    co_return;
  }
  co_await say(**stream, kLong);
  co_await hear(**stream, heard);
}

/// A text one way, its end, a text the other way, its end.
bool goodbyes(const std::shared_ptr<TlsIdentity>& identity, SocketSide side, std::uint64_t fail_at) {
  TcpRig rig;
  rig.endpoint.tls = true;
  rig.endpoint.version = HttpVersion::kHttp1;
  FailCounter counter;
  counter.fail_at = fail_at;
  Heard client, server;
  bool served = false;
  {
    const SocketFaults faults(side, rig.endpoint.port, counter);
    asio::co_spawn(rig.context, answer_one(rig.acceptor, identity, server, served), asio::detached);
    run(rig.context, ask_one(rig.connector, rig.endpoint, client));
    if (!client.connected && !served) rig.acceptor.close();  // the server may still wait for somebody
    EXPECT_TRUE(run_dry(rig.context));
  }
  EXPECT_TRUE(served);
  // Only the peer's own goodbye is an end, and it comes after everything that was said.
  if (server.ended) {
    EXPECT_EQ(server.text, kLong);
  } else {
    EXPECT_TRUE(kLong.starts_with(server.text));
  }
  if (client.ended) {
    EXPECT_EQ(client.text, "goodbye");
  }
  EXPECT_TRUE(counter.hit || (client.ended && server.ended));
  for (const Heard* end : {&client, &server}) {
    if (!end->connected) continue;
    EXPECT_NE(end->ended, !end->error.message.empty()) << end->error.message;
  }
  return counter.hit;
}

TEST_F(TlsFaults, OnlyAGoodbyeIsAnEndWhicheverOperationOfTheClientFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return goodbyes(identity_, SocketSide::kClient, n); }), 6U);
}
TEST_F(TlsFaults, OnlyAGoodbyeIsAnEndWhicheverOperationOfTheServerFails) {
  EXPECT_GT(fail_each([this](std::uint64_t n) { return goodbyes(identity_, SocketSide::kServer, n); }), 6U);
}

}  // namespace
}  // namespace thalamus::net
