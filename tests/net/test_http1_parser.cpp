#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "thalamus/net/http1_parser.h"

namespace thalamus::net {
namespace {

struct Outcome {
  int refused = 0;
  std::string message;
  bool done = false;
  std::size_t consumed = 0;
  HttpRequest request;
  friend bool operator==(const Outcome& a, const Outcome& b) {
    return a.refused == b.refused && a.done == b.done && a.request.method == b.request.method &&
           a.request.path == b.request.path && a.request.query == b.request.query && a.request.body == b.request.body &&
           a.request.headers.size() == b.request.headers.size() && (a.consumed == b.consumed || a.refused != 0);
  }
};

/// Feeds in pieces cut after `cuts`, giving unconsumed bytes again.
Outcome parse_request(std::string_view input, const std::vector<std::size_t>& cuts, const ParseLimits& limits = {}) {
  Outcome outcome;
  RequestParser parser(limits);
  parser.begin(outcome.request);
  std::size_t begin = 0;
  std::vector<std::size_t> ends = cuts;
  ends.push_back(input.size());
  for (const std::size_t end : ends) {
    for (;;) {
      const auto progress = parser.parse(input.substr(begin, end - begin));
      if (!progress) {
        outcome.refused = progress.error().status;
        outcome.message = progress.error().message;
        return outcome;
      }
      begin += progress->consumed;
      outcome.consumed = begin;
      if (progress->event == ParseEvent::kDone) {
        outcome.done = true;
        return outcome;
      }
      if (progress->event == ParseEvent::kNeedMore) break;
    }
  }
  return outcome;
}

const std::vector<std::string>& requests() {
  static const std::vector<std::string> all{
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nPOST /v1/chat?x=1&y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Empty:\r\n\r\nhello",
      "POST /c HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;a=b;c=\"d\"\r\n!\r\n0\r\n\r\n",
      "POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrail: er\r\n\r\n",
      "GET http://other/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /old HTTP/1.0\r\n\r\n",
  };
  return all;
}

TEST(RequestParser, GivesTheSameRequestForEveryCutIntoTwoAndForSingleBytes) {
  for (const std::string& input : requests()) {
    const Outcome whole = parse_request(input, {});
    ASSERT_TRUE(whole.done) << input << whole.message;
    EXPECT_EQ(whole.consumed, input.size());
    for (std::size_t cut = 0; cut <= input.size(); ++cut) EXPECT_EQ(parse_request(input, {cut}), whole) << input << cut;
    std::vector<std::size_t> every;
    for (std::size_t cut = 1; cut < input.size(); ++cut) every.push_back(cut);
    EXPECT_EQ(parse_request(input, every), whole) << input;
  }
}

TEST(RequestParser, SplitsTheTargetAndKeepsTheBody) {
  const Outcome outcome = parse_request(requests()[1], {});
  EXPECT_EQ(outcome.request.method, "POST");
  EXPECT_EQ(outcome.request.path, "/v1/chat");
  EXPECT_EQ(outcome.request.query, "x=1&y");
  EXPECT_EQ(outcome.request.body, "hello");
  EXPECT_EQ(outcome.request.headers.get("x-empty"), "");
  EXPECT_EQ(parse_request(requests()[2], {}).request.body, "hello!");
  EXPECT_EQ(parse_request(requests()[4], {}).request.path, "/p");
  EXPECT_EQ(parse_request(requests()[5], {}).request.path, "*");
}

TEST(RequestParser, LeavesTheNextRequestAlone) {
  const std::string input = requests()[1] + requests()[0];
  const Outcome outcome = parse_request(input, {});
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.consumed, requests()[1].size());
}

TEST(RequestParser, NeedsMoreForEveryProperPrefix) {
  for (const std::string& input : requests())
    for (std::size_t size = 0; size < input.size(); ++size) {
      const Outcome outcome = parse_request(std::string_view(input).substr(0, size), {});
      EXPECT_FALSE(outcome.done) << input << size;
      EXPECT_EQ(outcome.refused, 0) << input << size;
    }
}

struct BadRequest {
  const char* name;
  std::string input;
  int status;
};

std::vector<BadRequest> bad_requests() {
  using namespace std::string_literals;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  return {
      {"length and coding", head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"coding and length", head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
      {"other coding and length", head + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", 400},
      {"two lengths", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"twice the same length", head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"a list of lengths", head + "Content-Length: 5, 5\r\n\r\nhello", 400},
      {"a signed length", head + "Content-Length: +5\r\n\r\nhello", 400},
      {"a negative length", head + "Content-Length: -5\r\n\r\nhello", 400},
      {"a length in hexadecimal", head + "Content-Length: 0x5\r\n\r\nhello", 400},
      {"a length past 64 bits", head + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"an empty length", head + "Content-Length:\r\n\r\n", 400},
      {"two codings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"unknown coding", head + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"unknown coding before chunked", head + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"chunked before another", head + "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
      {"coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"folded field", head + "X: a\r\n b\r\n\r\n", 400},
      {"folded by a tab", head + "X: a\r\n\tb\r\n\r\n", 400},
      {"space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"bare line feed after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare line feed after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"bare carriage return in a value", head + "X: a\rb\r\n\r\n", 400},
      {"NUL in a value", head + "X: a\0b\r\n\r\n"s, 400},
      {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"space before the colon", head + "X : a\r\n\r\n", 400},
      {"empty field name", head + ": a\r\n\r\n", 400},
      {"no colon", head + "nonsense\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"relative target", "GET foo HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"HTTX", "GET / HTTX/1.1\r\nHost: a\r\n\r\n", 400},
      {"TLS hello", "\x16\x03\x01\x02", 400},
      {"tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"strange expectation", head + "Expect: a miracle\r\n\r\n", 417},
      {"many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"chunk size not hexadecimal", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"chunk size past 64 bits", head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"chunk without line end", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n", 400},
      {"chunk size with a bare line feed", head + "Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n", 400},
      {"bare line feed in an extension", head + "Transfer-Encoding: chunked\r\n\r\n2;a=\"\n\"\r\nab\r\n0\r\n\r\n", 400},
      {"a last chunk that goes on", head + "Transfer-Encoding: chunked\r\n\r\n0\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n",
       400},
      {"chunk size of many zeros", head + "Transfer-Encoding: chunked\r\n\r\n" + std::string(40, '0') + "5\r\n", 400},
      {"empty chunk size", head + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
      {"folded trailer", head + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n", 400},
      {"bad trailer", head + "Transfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n", 400},
  };
}

TEST(RequestParser, RefusesWithTheExactStatusHoweverTheBytesAreCut) {
  for (const BadRequest& bad : bad_requests()) {
    EXPECT_EQ(parse_request(bad.input, {}).refused, bad.status)
        << bad.name << ": " << parse_request(bad.input, {}).message;
    for (std::size_t cut = 1; cut < bad.input.size(); ++cut)
      EXPECT_EQ(parse_request(bad.input, {cut}).refused, bad.status) << bad.name << " cut at " << cut;
  }
}

TEST(RequestParser, HoldsItsLimits) {
  const ParseLimits limits{512, 4, 10};
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(parse_request(head + "Content-Length: 11\r\n\r\n", {}, limits).refused, 413);
  EXPECT_TRUE(parse_request(head + "Content-Length: 10\r\n\r\n0123456789", {}, limits).done);
  EXPECT_EQ(parse_request(head + "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n", {}, limits).refused, 413);
  EXPECT_EQ(parse_request(head + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n", {}, limits).refused, 431);
  EXPECT_TRUE(parse_request(head + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n", {}, limits).done);
  EXPECT_EQ(parse_request(head + "A: " + std::string(600, 'x'), {}, limits).refused, 431);
  EXPECT_EQ(parse_request("GET /" + std::string(600, 'x'), {}, limits).refused, 414);
  EXPECT_EQ(parse_request("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", {}).refused, 414);
  EXPECT_EQ(parse_request(head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'x'), {}).refused, 400);
  // A head of exactly the limit passes, one byte more does not.
  std::string exact = head + "X: ";
  exact += std::string(512 - exact.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(exact.size(), 512U);
  EXPECT_TRUE(parse_request(exact, {}, limits).done);
  exact.insert(exact.find("X: ") + 3, "y");
  EXPECT_EQ(parse_request(exact, {}, limits).refused, 431);
}

TEST(RequestParser, TellsHowTheConnectionGoesOn) {
  HttpRequest request;
  RequestParser parser({});
  const auto keeps = [&](std::string_view input) {
    parser.begin(request);
    EXPECT_TRUE(parser.parse(input).has_value());
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

// ---- responses
// -------------------------------------------------------------------------------------------------------

struct Answer {
  int status = 0;
  std::string body;
  bool done = false;
  bool failed = false;
  ErrorKind kind{};
  std::size_t consumed = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

enum class End : std::uint8_t { kOpen, kClosed };

Answer parse_response(std::string_view input, const std::vector<std::size_t>& cuts, End end_of_stream = End::kOpen,
                      ResponseParser::Body body = ResponseParser::Body::kAsSaid, const ParseLimits& limits = {}) {
  Answer answer;
  ResponseParser parser;
  parser.begin(limits, body);
  std::size_t begin = 0;
  std::vector<std::size_t> ends = cuts;
  ends.push_back(input.size());
  for (const std::size_t end : ends) {
    for (;;) {
      const auto progress = parser.parse(input.substr(begin, end - begin));
      if (!progress) {
        answer.failed = true;
        answer.kind = progress.error().kind;
        return answer;
      }
      begin += progress->consumed;
      answer.consumed = begin;
      if (progress->event == ParseEvent::kHead) answer.status = parser.status();
      if (progress->event == ParseEvent::kBody) answer.body += parser.piece();
      if (progress->event == ParseEvent::kDone) answer.done = true;
      if (progress->event == ParseEvent::kNeedMore || answer.done) break;
    }
    if (answer.done) return answer;
  }
  if (end_of_stream == End::kClosed) answer.done = parser.finish_at_end();
  return answer;
}

TEST(ResponseParser, GivesTheSameAnswerForEveryCut) {
  const std::vector<std::pair<std::string, std::string>> answers{
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: r\r\n\r\n", "abcde"},
      {"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.0 404 Not Found\r\n\r\nto the end", "to the end"},
  };
  for (const auto& [input, body] : answers) {
    const Answer whole = parse_response(input, {}, End::kClosed);
    ASSERT_TRUE(whole.done) << input;
    EXPECT_EQ(whole.body, body);
    EXPECT_EQ(whole.consumed, input.size());
    std::vector<std::size_t> every;
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
      EXPECT_EQ(parse_response(input, {cut}, End::kClosed), whole) << input << cut;
      every.push_back(cut);
    }
    EXPECT_EQ(parse_response(input, every, End::kClosed), whole) << input;
  }
}

TEST(ResponseParser, KnowsACutAnswerFromAWholeOne) {
  for (const std::string input : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"})
    for (std::size_t size = 0; size < input.size(); ++size)
      EXPECT_FALSE(parse_response(std::string_view(input).substr(0, size), {}, End::kClosed).done) << input << size;
}

TEST(ResponseParser, ExpectsNoBodyAfterHead) {
  const std::string input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_TRUE(parse_response(input, {}, End::kOpen, ResponseParser::Body::kNone).done);
}

TEST(ResponseParser, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string input :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const Answer answer = parse_response(input, {});
    EXPECT_TRUE(answer.failed) << input;
    EXPECT_EQ(answer.kind, ErrorKind::kUpstream) << input;
  }
}

TEST(ResponseParser, HoldsItsLimits) {
  const ParseLimits limits{256, 3, 10};
  const auto kind = [&](const std::string& input) {
    const Answer answer = parse_response(input, {}, End::kOpen, ResponseParser::Body::kAsSaid, limits);
    EXPECT_TRUE(answer.failed) << input;
    return answer.kind;
  };
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"), ErrorKind::kTooLarge);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"), ErrorKind::kTooLarge);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\n\r\n01234567890"), ErrorKind::kTooLarge);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nA: " + std::string(300, 'x')), ErrorKind::kTooLarge);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n"), ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace thalamus::net
