/// Malformed and hostile requests over real sockets: what each gets. The table is the statement of what this server
/// does; no row may reach the handler, and nothing behind a refused request is served.
#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "tcp_rig.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

/// kClosed: the connection ends without a word.
constexpr int kClosed = 0;

struct Row {
  std::string name;
  std::string request;
  int status;
};

const std::string kHost = "Host: h\r\n";
const std::string kChunkedHead = "POST /bad HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string post(const std::string& fields, const std::string& body) {
  return "POST /bad HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}
std::string get(const std::string& fields) { return "GET /bad HTTP/1.1\r\n" + fields + "\r\n"; }

std::vector<Row> smuggling() {
  return {
      {"length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
      {"two lengths that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"a length with a plus", post("Content-Length: +5\r\n", "hello"), 400},
      {"a length with a minus", post("Content-Length: -5\r\n", "hello"), 400},
      {"a length in hexadecimal", post("Content-Length: 0x5\r\n", "hello"), 400},
      {"a length past 64 bits", post("Content-Length: 99999999999999999999999\r\n", ""), 400},
      {"an empty length", post("Content-Length: \r\n", "hello"), 400},
      {"a length with a blank inside", post("Content-Length: 5 5\r\n", "hello"), 400},
      {"two transfer codings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
      {"identity", post("Transfer-Encoding: identity\r\n", "hello"), 501},
      {"chunked with a parameter", post("Transfer-Encoding: chunked;x=y\r\n", "0\r\n\r\n"), 501},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"a blank before the colon of the coding", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"a blank before the colon of the length", post("Content-Length : 5\r\n", "hello"), 400},
      {"a tab before the colon", get(kHost + "A\t: b\r\n"), 400},
      {"chunked in HTTP/1.0", "POST /bad HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"two hosts", get(kHost + "Host: g\r\n"), 400},
      {"no host", get("A: b\r\n"), 400},
  };
}

std::vector<Row> lines() {
  return {
      {"a folded field", get(kHost + "A: b\r\n c\r\n"), 400},
      {"a field folded by a tab", get(kHost + "A: b\r\n\tc\r\n"), 400},
      {"a blank before the first field", get(" " + kHost), 400},
      {"a bare line feed in the head", "GET /bad HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400},
      {"a bare line feed behind the request line", "GET /bad HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"an empty line of a bare line feed", "GET /bad HTTP/1.1\r\nHost: h\r\n\n", 400},
      {"a bare carriage return in a value", get(kHost + "A: b\rc\r\n"), 400},
      {"a bare carriage return in the request line", "GET /bad\rx HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a NUL in a value", get(kHost + std::string("A: b\0c\r\n", 8)), 400},
      {"a NUL in a name", get(kHost + std::string("A\0: b\r\n", 7)), 400},
      {"a NUL in the target", std::string("GET /bad\0 HTTP/1.1\r\nHost: h\r\n\r\n", 31), 400},
      {"a control character in a value", get(kHost + "A: b\x01\r\n"), 400},
      {"a field without a colon", get(kHost + "Abc\r\n"), 400},
      {"a field without a name", get(kHost + ": b\r\n"), 400},
      {"a separator in a name", get(kHost + "A(b): c\r\n"), 400},
      {"a byte above 127 in a name", get(kHost + "\xc3\xa4: c\r\n"), 400},
      {"no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"two blanks", "GET  /bad HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a blank in the target", "GET /bad /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a relative target", "GET bad HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a method that is no token", "G@T /bad HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"no version", "GET /bad\r\nHost: h\r\n\r\n", 400},
      {"HTTP/1.2 in small letters", "GET /bad http/1.1\r\nHost: h\r\n\r\n", 400},
      {"HTTP/2.0", "GET /bad HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"HTTP/0.9", "GET /bad HTTP/0.9\r\nHost: h\r\n\r\n", 505},
      {"a version of two digits", "GET /bad HTTP/11.1\r\nHost: h\r\n\r\n", 400},
      {"TLS to a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"binary", "\x80\x81\x82\r\n\r\n", 400},
      {"an expectation", get(kHost + "Expect: a-miracle\r\n"), 417},
      {"many empty lines first", "\r\n\r\n\r\n\r\n\r\n\r\n" + get(kHost), 400},
  };
}

std::vector<Row> sizes() {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  std::string one_byte_chunks = kChunkedHead;
  for (int i = 0; i < 3'000; ++i) one_byte_chunks += "1\r\nx\r\n";
  std::string extensions = kChunkedHead;
  for (int i = 0; i < 900; ++i) extensions += "1;" + std::string(30, 'e') + "\r\nx\r\n";
  return {
      {"a target too long", "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"a request line without end", "GET /" + std::string(40'000, 'x'), 414},
      {"a value too long", get(kHost + "A: " + std::string(40'000, 'x') + "\r\n"), 431},
      {"a head without end", "GET /bad HTTP/1.1\r\nA: " + std::string(40'000, 'x'), 431},
      {"too many fields", get(kHost + many), 431},
      {"a body too long", post("Content-Length: 2001\r\n", ""), 413},
      {"a chunk too long", kChunkedHead + "7d1\r\n", 413},
      {"chunks too long together", kChunkedHead + "7d0\r\n" + std::string(2'000, 'x') + "\r\n1\r\n", 413},
      {"endless small chunks", one_byte_chunks, 413},
      {"endless chunk extensions", extensions, 400},
      {"one endless extension", kChunkedHead + "1;" + std::string(20'000, 'e'), 400},
      {"endless trailers", kChunkedHead + "0\r\nA: " + std::string(20'000, 'x'), 400},
      {"a chunk size past 64 bits", kChunkedHead + "11111111111111111\r\n", 400},
      {"a chunk size of many zeros", kChunkedHead + "00000000000000000001\r\nx\r\n0\r\n\r\n", 400},
      {"a chunk size with 0x", kChunkedHead + "0x1\r\nx\r\n0\r\n\r\n", 400},
      {"a negative chunk size", kChunkedHead + "-1\r\nx\r\n0\r\n\r\n", 400},
      {"an empty chunk size", kChunkedHead + "\r\nx\r\n0\r\n\r\n", 400},
      {"a chunk size behind a blank", kChunkedHead + " 1\r\nx\r\n0\r\n\r\n", 400},
      {"a bare line feed behind a chunk size", kChunkedHead + "1\nx\r\n0\r\n\r\n", 400},
      {"a bare line feed behind a chunk", kChunkedHead + "1\r\nx\n0\r\n\r\n", 400},
      {"a bare line feed in an extension", kChunkedHead + "1;a\nx\r\n0\r\n\r\n", 400},
      {"a chunk longer than said", kChunkedHead + "1\r\nxyz\r\n0\r\n\r\n", 400},
      {"a trailer without a colon", kChunkedHead + "0\r\nabc\r\n\r\n", 400},
      {"a folded trailer", kChunkedHead + "0\r\nA: b\r\n c\r\n\r\n", 400},
      {"half a request", "GET /bad HTTP/1.1\r\nHost:", kClosed},
      {"half a body", post("Content-Length: 10\r\n", "hel"), kClosed},
      {"half a chunk", kChunkedHead + "5\r\nhel", kClosed},
      {"nothing at all", "", kClosed},
  };
}

Awaitable<std::string> talk(TcpRig& rig, std::string request) {
  auto stream = co_await rig.connector.connect(rig.endpoint, kNever);
  if (!stream) co_return "cannot connect";
  // The server may refuse before it has read everything; what it says then is what counts.
  static_cast<void>(co_await write_text(**stream, request));
  (*stream)->finish_writing();
  co_return co_await read_to_end(**stream);
}

class BadRequests : public testing::Test {
 protected:
  BadRequests() {
    rig_.limits.body_bytes_max = 2'000;
    rig_.handler = [this](HttpRequest& request, Responder& responder) {
      ++handled_;
      return echo(request, responder);
    };
    rig_.serve();
  }
  ~BadRequests() override {
    rig_.stop();
    EXPECT_TRUE(run_dry(rig_.context));
    EXPECT_EQ(rig_.gate.inside(), 0U);
  }
  void expect_all(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      handled_ = 0;
      const bool cut = row.status == kClosed;
      const std::string behind = cut ? "" : "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
      const std::string answer = run(rig_.context, talk(rig_, row.request + behind));
      EXPECT_EQ(status_of(answer), row.status) << row.name << "\n" << answer.substr(0, 200);
      EXPECT_EQ(handled_, 0) << row.name;
      EXPECT_EQ(answer.find("smuggled"), std::string::npos) << row.name;
      EXPECT_EQ(answer.find("\r\nDate: "), answer.rfind("\r\nDate: ")) << row.name << ": one answer at most";
      EXPECT_EQ(answer.find("Connection: close") == std::string::npos, cut) << row.name;
    }
  }
  TcpRig rig_;
  int handled_ = 0;
};

TEST_F(BadRequests, ThatWouldSmuggleAreRefused) { expect_all(smuggling()); }
TEST_F(BadRequests, ThatBreakTheLineAreRefused) { expect_all(lines()); }
TEST_F(BadRequests, ThatAreTooLargeOrCutAreRefused) { expect_all(sizes()); }

// ---- slow and many
// ---------------------------------------------------------------------------------------------------

/// Says one byte of `text` each millisecond until the server has had enough.
Awaitable<std::string> drip(TcpRig& rig, std::string begun, std::string text) {
  auto stream = co_await rig.connector.connect(rig.endpoint, kNever);
  static_cast<void>(co_await write_text(**stream, begun));
  for (const char c : text) {
    const Status told = co_await write_text(**stream, std::string_view(&c, 1));
    if (!told) break;
    co_await pause_ms(1);
  }
  co_return co_await read_to_end(**stream);
}

TEST(SlowRequests, AreCutByTheirTotalTimeHoweverTheyDrip) {
  TcpRig rig;
  rig.limits.head_timeout = Nanoseconds::from_ms(15);
  rig.limits.body_timeout = Nanoseconds::from_ms(15);
  rig.serve();
  const std::string endless(60, 'x');
  EXPECT_EQ(status_of(run(rig.context, drip(rig, "GET / HTTP/1.1\r\nA: ", endless))), 408);
  EXPECT_EQ(status_of(run(rig.context, drip(rig, post("Content-Length: 1000\r\n", ""), endless))), 408);
  EXPECT_EQ(status_of(run(rig.context, drip(rig, kChunkedHead + "400\r\n", endless))), 408);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<std::unique_ptr<Stream>> connect_from(TcpRig& rig, const char* source) {
  tcp::socket socket(rig.context, tcp::v4());
  socket.bind(tcp::endpoint(asio::ip::make_address(source), 0));
  const tcp::endpoint address(asio::ip::address_v4::loopback(), rig.listener.port());
  co_await socket.async_connect(address, asio::use_awaitable);
  co_return make_tcp_stream(std::move(socket));
}

Awaitable<std::string> ask_over(Stream& stream) {
  static_cast<void>(co_await write_text(stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  co_return co_await read_until(stream, "\r\n\r\n");
}

TEST(ManyConnections, OneAddressHasItsShareAndOthersTheirs) {
  TcpRig rig;
  rig.limits.connections_per_address_max = 2;
  rig.serve();
  auto one = run(rig.context, connect_from(rig, "127.0.0.2"));
  auto two = run(rig.context, connect_from(rig, "127.0.0.2"));
  auto three = run(rig.context, connect_from(rig, "127.0.0.2"));
  auto other = run(rig.context, connect_from(rig, "127.0.0.3"));
  EXPECT_EQ(status_of(run(rig.context, ask_over(*one))), 200);
  EXPECT_EQ(status_of(run(rig.context, ask_over(*two))), 200);
  const std::string refusal = run(rig.context, ask_over(*three));
  EXPECT_EQ(status_of(refusal), 503);
  EXPECT_NE(refusal.find("Retry-After: 1"), std::string::npos);
  EXPECT_EQ(status_of(run(rig.context, ask_over(*other))), 200);
  // A place becomes free with its connection.
  one->close();
  std::string again;
  for (int i = 0; i < 200 && status_of(again) != 200; ++i) {
    auto next = run(rig.context, connect_from(rig, "127.0.0.2"));
    again = run(rig.context, ask_over(*next));
  }
  EXPECT_EQ(status_of(again), 200);
  two->close();
  three->close();
  other->close();
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

}  // namespace
}  // namespace thalamus::net
