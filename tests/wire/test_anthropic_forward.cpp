#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_json.h"
#include "streams.h"
#include "thalamus/wire/anthropic.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

const Format& anthropic() { return *find_format("anthropic"); }

std::string forwarded(std::string_view body) {
  const auto out = anthropic().forward(body, ForwardEdits{.model = "m"});
  return out ? *out : out.error().text();
}

TEST(AnthropicForward, ReplacesTheModelAndNothingElse) {
  EXPECT_EQ(forwarded("{ \"a\" : 1.0e+05 ,\r\n\t\"model\" :\t\"auto\" , \"z\":[1 , 2], \"u\":\"\\u00e9\\/\" } \n"),
            "{ \"a\" : 1.0e+05 ,\r\n\t\"model\" :\t\"m\" , \"z\":[1 , 2], \"u\":\"\\u00e9\\/\" } \n");
  EXPECT_EQ(forwarded(R"({"stream":true,"model":"a","n":123456789012345678901234567890})"),
            R"({"stream":true,"model":"m","n":123456789012345678901234567890})");
  EXPECT_EQ(forwarded(R"({"thalamus":{"a":[1,"}"]},"mod\u0065l":"a","b":1})"), R"({"mod\u0065l":"m","b":1})");
  EXPECT_EQ(forwarded(R"({"model":"a","b":1,"thalamus":null})"), R"({"model":"m","b":1})");
}

TEST(AnthropicForward, RefusesWhatItCannotEditWithoutDoubt) {
  EXPECT_EQ(forwarded("[]"), "body: expected a JSON object, got an array");
  EXPECT_EQ(forwarded("{}"), "body.model: missing; name a route or a target");
  EXPECT_EQ(forwarded(R"({"model":"a","mod\u0065l":"b"})"), "body.model: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","thalamus":1,"thalamus":2})"), "body.thalamus: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a"}})"), "body: not valid JSON at byte 13: expected nothing after the value");
}

TEST(AnthropicForward, ParsesEqualButForTheEditsOnRandomBodies) {
  constexpr std::uint64_t kSeed = 33;
  SCOPED_TRACE(kSeed);
  RandomJson random(kSeed);
  for (int i = 0; i < 400; ++i) {
    std::vector<std::string> parts{"\"model\":" + random.string(), "\"cache_control\" : " + random.value(3)};
    if (random.rng().below(2) == 0) parts.push_back("\"thalamus\":" + random.value(3));
    for (std::uint64_t k = random.rng().below(4); k > 0; --k)
      parts.push_back("\"k" + std::to_string(k) + "\":" + random.value(4));
    random.rng().shuffle(parts);
    std::string body = random.space() + "{" + random.space();
    for (std::size_t k = 0; k < parts.size(); ++k) body += (k > 0 ? "," + random.space() : "") + parts[k];
    body += "}";
    auto expected = json::parse(body);
    expected["model"] = "m";
    expected.erase("thalamus");
    ASSERT_EQ(json::parse(forwarded(body)), expected) << body;
    // Done once, there is nothing left to do.
    ASSERT_EQ(forwarded(forwarded(body)), forwarded(body));
  }
}

TEST(AnthropicFormat, IsRegisteredWithItsAddressesAndHeaders) {
  EXPECT_EQ(find_format_at("/v1/messages"), &anthropic());
  EXPECT_EQ(anthropic().endpoints().upstream, "/v1/messages");
  EXPECT_EQ(anthropic().auth_style(), AuthStyle::kXApiKey);
  ASSERT_EQ(anthropic().request_headers().size(), 1U);
  EXPECT_EQ(anthropic().request_headers()[0].first, "anthropic-version");
  EXPECT_EQ(anthropic().request_headers()[0].second, "2023-06-01");
}

TEST(AnthropicError, HasATypeForEveryKind) {
  const std::vector<std::pair<ErrorKind, std::string>> table{{ErrorKind::kInvalidInput, "invalid_request_error"},
                                                             {ErrorKind::kUnauthorized, "authentication_error"},
                                                             {ErrorKind::kForbidden, "permission_error"},
                                                             {ErrorKind::kNotFound, "not_found_error"},
                                                             {ErrorKind::kTooLarge, "request_too_large"},
                                                             {ErrorKind::kUnsupported, "invalid_request_error"},
                                                             {ErrorKind::kConflict, "invalid_request_error"},
                                                             {ErrorKind::kLimitExceeded, "rate_limit_error"},
                                                             {ErrorKind::kInfeasible, "invalid_request_error"},
                                                             {ErrorKind::kTimeout, "timeout_error"},
                                                             {ErrorKind::kUnavailable, "overloaded_error"},
                                                             {ErrorKind::kUpstream, "api_error"},
                                                             {ErrorKind::kCancelled, "api_error"},
                                                             {ErrorKind::kCorrupt, "api_error"},
                                                             {ErrorKind::kEnvironment, "api_error"},
                                                             {ErrorKind::kInternal, "api_error"}};
  for (const auto& [kind, type] : table) {
    const json body = json::parse(anthropic().encode_error({kind, "m", {}}, "req_1"));
    EXPECT_EQ(body,
              json::parse(R"({"type":"error","error":{"type":")" + type + R"(","message":"m"},"request_id":"req_1"})"));
  }
}

TEST(AnthropicError, NamesThePlaceThatTheClientCanSee) {
  const auto message = [](std::string where) {
    return json::parse(anthropic().encode_error({ErrorKind::kInvalidInput, "m", std::move(where)}))["error"]["message"];
  };
  EXPECT_EQ(message("body.max_tokens"), "body.max_tokens: m");
  EXPECT_EQ(message("header x-thalamus-allow"), "header x-thalamus-allow: m");
  EXPECT_EQ(message("routes.yaml:3:1"), "m");
  EXPECT_FALSE(json::parse(anthropic().encode_error({ErrorKind::kInternal, "m", {}})).contains("request_id"));
}

TEST(AnthropicError, TellsAFailureInsideAStreamAsItsOwnEvent) {
  const auto events = events_of(anthropic().encode_stream_error({ErrorKind::kUnavailable, "down", {}}));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].event, "error");
  EXPECT_EQ(json::parse(events[0].data),
            json::parse(R"({"type":"error","error":{"type":"overloaded_error","message":"down"}})"));
}

TEST(AnthropicError, ReadsWhatProvidersSay) {
  EXPECT_EQ(anthropic().read_error(
                R"({"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"r"})"),
            "model: x");
  EXPECT_EQ(anthropic().read_error("<html><title>502 Bad Gateway</title></html>"), "502 Bad Gateway");
  EXPECT_EQ(anthropic().read_error(""), "no reason given");
}

TEST(AnthropicModels, AreListedInTheirShape) {
  const std::vector<ModelEntry> entries{{"auto", 1700000000, "thalamus"}, {"small", 0, "local"}};
  EXPECT_EQ(encode_anthropic_models(entries),
            R"({"data":[{"type":"model","id":"auto","display_name":"auto","created_at":"2023-11-14T22:13:20Z"},)"
            R"({"type":"model","id":"small","display_name":"small","created_at":"1970-01-01T00:00:00Z"}],)"
            R"("has_more":false,"first_id":"auto","last_id":"small"})");
  EXPECT_EQ(encode_anthropic_model({"x", INT64_MAX, ""}),
            R"({"type":"model","id":"x","display_name":"x","created_at":"1970-01-01T00:00:00Z"})");
  EXPECT_NE(encode_anthropic_models(entries, true).find(R"("has_more":true)"), std::string::npos);
  EXPECT_EQ(encode_anthropic_models({}), R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
}

}  // namespace
}  // namespace thalamus::wire
