#include "thalamus/net/http.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "thalamus/net/cancellation.h"
#include "thalamus/net/digest.h"
#include "thalamus/net/http1_writer.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {
namespace {

TEST(Headers, FindsNamesWithoutCaseAndKeepsTheirOrder) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("X", "1");
  headers.add("x", "2");
  EXPECT_EQ(headers.get("content-TYPE"), "a");
  EXPECT_EQ(headers.get("X"), "1");
  EXPECT_FALSE(headers.get("Y").has_value());
  headers.set("x", "a longer value");
  EXPECT_EQ(headers.get("X"), "a longer value");
  EXPECT_EQ(headers.size(), 3U);
  headers.remove("X");
  EXPECT_EQ(headers.size(), 1U);
  std::string seen;
  headers.for_each([&](std::string_view name, std::string_view value) { seen.append(name).append("=").append(value); });
  EXPECT_EQ(seen, "Content-Type=a");
}

TEST(Writer, LeavesFramingToItselfAndRefusesLineEnds) {
  Headers headers;
  headers.add("content-length", "99");
  headers.add("Transfer-Encoding", "chunked");
  headers.add("A", "b");
  std::string out;
  ASSERT_TRUE(append_fields(out, headers).has_value());
  EXPECT_EQ(out, "A: b\r\n");
  const std::vector<std::string> values{"x\r\nEvil: 1", "x\ny", std::string("x\0y", 3)};
  for (const std::string& value : values) {
    Headers bad;
    bad.add("Authorization", value);
    const Status status = append_fields(out, bad);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().kind, ErrorKind::kInvalidInput);
    EXPECT_NE(status.error().message.find("Authorization"), std::string::npos);
    EXPECT_EQ(status.error().message.find("Evil"), std::string::npos);
  }
  Headers bad_name;
  bad_name.add("A: b\r\nC", "d");
  EXPECT_FALSE(append_fields(out, bad_name).has_value());
}

TEST(Writer, MakesRequestLinesOnly) {
  std::string out;
  ASSERT_TRUE(append_request_line(out, "GET", "/v1", "/models?x").has_value());
  EXPECT_EQ(out, "GET /v1/models?x HTTP/1.1\r\n");
  out.clear();
  ASSERT_TRUE(append_request_line(out, "GET", "", "").has_value());
  EXPECT_EQ(out, "GET / HTTP/1.1\r\n");
  for (const std::string_view path : {"/a b", "/a\r\nHost: b", "nothing"})
    EXPECT_FALSE(append_request_line(out, "GET", "", path).has_value()) << path;
  EXPECT_FALSE(append_request_line(out, "GE T", "", "/").has_value());
  EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

Endpoint make_endpoint(std::string host, std::uint16_t port, bool tls, std::string base_path) {
  Endpoint endpoint;
  endpoint.host = std::move(host);
  endpoint.port = port;
  endpoint.tls = tls;
  endpoint.base_path = std::move(base_path);
  return endpoint;
}

TEST(BaseUrl, ReadsTheFormsItPromises) {
  const auto plain = parse_base_url("http://host").value();
  EXPECT_EQ(plain, make_endpoint("host", 80, false, ""));
  const auto full = parse_base_url("https://api.example.com:8443/v1/").value();
  EXPECT_EQ(full, make_endpoint("api.example.com", 8443, true, "/v1"));
  const auto v6 = parse_base_url("HTTP://[::1]:81/a").value();
  EXPECT_EQ(v6, make_endpoint("::1", 81, false, "/a"));
  EXPECT_EQ(host_field(v6), "[::1]:81");
  EXPECT_EQ(host_field(full), "api.example.com:8443");
  EXPECT_EQ(parse_base_url("https://h").value().port, 443);
  const auto local = parse_base_url("unix:/run/x.sock:/v1").value();
  Endpoint expected = make_endpoint("/run/x.sock", 0, false, "/v1");
  expected.unix_socket = true;
  EXPECT_EQ(local, expected);
  EXPECT_EQ(parse_base_url("unix:/run/x.sock").value().base_path, "");
}

TEST(BaseUrl, RefusesTheRestWithTheReason) {
  for (const std::string url : {"", "host", "ftp://host", "http://", "http://:80", "http://a:b", "http://a:70000",
                                "http://a:0", "http://a b/", "http://a/?q", "http://a/#f", "http://[::1", "http://[zz]",
                                "http://::1/", "unix:relative", "unix:/", "unix:/a:b", "http://a\r\nb/"}) {
    const auto endpoint = parse_base_url(url);
    ASSERT_FALSE(endpoint.has_value()) << url;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::kInvalidInput);
  }
  const auto secret = parse_base_url("https://me:secret@host/");
  ASSERT_FALSE(secret.has_value());
  EXPECT_EQ(secret.error().message.find("secret"), std::string::npos);
  EXPECT_FALSE(parse_base_url("unix:/" + std::string(120, 'x')).has_value());
}

TEST(Address, ReadsHostAndPort) {
  EXPECT_EQ(parse_address("127.0.0.1:8080").value(), std::make_pair(std::string("127.0.0.1"), std::uint16_t{8080}));
  EXPECT_EQ(parse_address("[::1]:0").value(), std::make_pair(std::string("::1"), std::uint16_t{0}));
  EXPECT_EQ(parse_address(":80").value().first, "0.0.0.0");
  for (const std::string text : {"", "127.0.0.1", "127.0.0.1:", "[::1]", "::1:80", "a:99999", "a:x", "[::1]80"})
    EXPECT_FALSE(parse_address(text).has_value()) << text;
}

TEST(Digest, KnowsTheStandardsVectorsAndNamesAMissingFile) {
  EXPECT_EQ(sha256("abc").value(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto path = std::filesystem::path(testing::TempDir()) / "thalamus_net_digest";
  std::ofstream(path, std::ios::binary) << std::string(1'000'000, 'a');
  EXPECT_EQ(sha256_file(path).value(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  std::filesystem::remove(path);
  const auto missing = sha256_file(path);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(missing.error().message.find(path.string()), std::string::npos);
}

TEST(Digest, TokensHaveTheirSizeAndDiffer) {
  EXPECT_EQ(random_token(16).value().size(), 32U);
  EXPECT_NE(random_token(16).value(), random_token(16).value());
  EXPECT_FALSE(random_token(0).has_value());
  EXPECT_FALSE(random_token(65).has_value());
}

TEST(CancellationOrder, RunsEachCallbackOnceAndLateOnesAtOnce) {
  Cancellation cancellation;
  std::string order;
  cancellation.add([&] { order += 'a'; });
  const auto removed = cancellation.add([&] { order += 'b'; });
  cancellation.add([&] { order += 'c'; });
  cancellation.remove(removed);
  cancellation.cancel();
  cancellation.cancel();
  cancellation.add([&] { order += 'd'; });
  EXPECT_EQ(order, "acd");
}

}  // namespace
}  // namespace thalamus::net
