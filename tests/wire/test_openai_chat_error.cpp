#include <gtest/gtest.h>

#include "streams.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/secrets.h"

namespace thalamus::wire {
namespace {

const Format& openai() { return *find_format("openai"); }

TEST(OpenAiErrors, AreWrittenInOpenAisShape) {
  EXPECT_EQ(openai().encode_error({ErrorKind::kInvalidInput, "expected a string, got 7", "body.messages[2].role"}),
            R"({"error":{"message":"body.messages[2].role: expected a string, got 7","type":"invalid_request_error",)"
            R"("param":"messages[2].role","code":"invalid_value"}})");
  EXPECT_EQ(openai().encode_error({ErrorKind::kInvalidInput, "expected a JSON object", "body"}),
            R"({"error":{"message":"body: expected a JSON object","type":"invalid_request_error","param":null,)"
            R"("code":"invalid_value"}})");
  EXPECT_EQ(openai().encode_error({ErrorKind::kNotFound, "no route \"x\"", "body.model"}),
            R"({"error":{"message":"body.model: no route \"x\"","type":"not_found_error","param":"model",)"
            R"("code":"model_not_found"}})");
  EXPECT_EQ(openai().encode_error({ErrorKind::kInvalidInput, "bad", "header x-thalamus-explain"}),
            R"({"error":{"message":"header x-thalamus-explain: bad","type":"invalid_request_error",)"
            R"("param":"x-thalamus-explain","code":"invalid_value"}})");
  EXPECT_EQ(openai().encode_error({ErrorKind::kInternal, "oops", "some/file.cpp:3"}),
            R"({"error":{"message":"oops","type":"server_error","param":null,"code":"internal_error"}})");
}

TEST(OpenAiErrors, HaveATypeAndACodeForEveryKind) {
  const auto shape = [](ErrorKind kind, std::string where = {}) {
    const std::string text = openai().encode_error({kind, "m", std::move(where)});
    const auto type = text.find("\"type\":\"") + 8;
    const auto code = text.find("\"code\":\"") + 8;
    return text.substr(type, text.find('"', type) - type) + " " + text.substr(code, text.find('"', code) - code);
  };
  EXPECT_EQ(shape(ErrorKind::kUnauthorized), "authentication_error invalid_api_key");
  EXPECT_EQ(shape(ErrorKind::kForbidden), "permission_error permission_denied");
  EXPECT_EQ(shape(ErrorKind::kNotFound), "not_found_error not_found");
  EXPECT_EQ(shape(ErrorKind::kTooLarge), "invalid_request_error request_too_large");
  EXPECT_EQ(shape(ErrorKind::kUnsupported), "invalid_request_error unsupported_value");
  EXPECT_EQ(shape(ErrorKind::kConflict), "invalid_request_error conflict");
  EXPECT_EQ(shape(ErrorKind::kLimitExceeded), "rate_limit_error rate_limit_exceeded");
  EXPECT_EQ(shape(ErrorKind::kInfeasible), "invalid_request_error contract_infeasible");
  EXPECT_EQ(shape(ErrorKind::kInfeasible, "body.messages"), "invalid_request_error context_length_exceeded");
  EXPECT_EQ(shape(ErrorKind::kTimeout), "server_error timeout");
  EXPECT_EQ(shape(ErrorKind::kUnavailable), "server_error service_unavailable");
  EXPECT_EQ(shape(ErrorKind::kUpstream), "server_error upstream_error");
  EXPECT_EQ(shape(ErrorKind::kCancelled), "server_error cancelled");
  for (const ErrorKind kind : {ErrorKind::kCorrupt, ErrorKind::kEnvironment, ErrorKind::kInternal})
    EXPECT_EQ(shape(kind), "server_error internal_error");
}

TEST(OpenAiErrors, AreOneFrameInAStream) {
  const Error error{ErrorKind::kUpstream, "line one\nline two", {}};
  const std::string out = openai().encode_stream_error(error);
  EXPECT_EQ(out, "data: " + openai().encode_error(error) + "\n\n");
  const auto facts = read_frame(openai(), std::string_view(out).substr(6));
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->failed);
  EXPECT_EQ(facts->failure, "line one line two");
}

TEST(OpenAiErrors, AreReadFromEveryUsualShape) {
  const auto read = [](std::string_view body) { return openai().read_error(body); };
  EXPECT_EQ(read(R"({"error":{"type":"x","message":"the reason","code":1}})"), "the reason");
  EXPECT_EQ(read(R"({"error":"the reason"})"), "the reason");
  EXPECT_EQ(read(R"({"object":"error","message":"the reason","code":400})"), "the reason");
  EXPECT_EQ(read(R"({"detail":"the reason"})"), "the reason");
  EXPECT_EQ(read(R"({"detail":[{"loc":["body"],"msg":"the reason","type":"t"}]})"), "the reason");
  EXPECT_EQ(read(R"([{"error":{"code":400,"message":"the reason"}}])"), "the reason");
  EXPECT_EQ(read(R"({"message":"less","error":{"message":"more"}})"), "more");
  EXPECT_EQ(read("the  reason\r\n"), "the reason");
  EXPECT_EQ(read("<html><head><title>502 Bad Gateway</title></head><body>x</body></html>"), "502 Bad Gateway");
  EXPECT_EQ(read(R"({"code":7})"), R"({"code":7})");
  EXPECT_EQ(read(R"({"error":{"message":"cut)"), R"({"error":{"message":"cut)");
  EXPECT_EQ(read(""), "no reason given");
}

TEST(OpenAiErrors, AreCutBetweenCharactersAndMadeValid) {
  std::string text = "x";
  for (int i = 0; i < 400; ++i) text += "\xe2\x82\xac";
  const std::string cut = openai().read_error(text);
  EXPECT_EQ(cut, text.substr(0, 499));
  const std::string broken = openai().read_error("bad \xff\xfe bytes" + std::string(600, '\x80'));
  EXPECT_TRUE(base::is_valid_utf8(broken));
  EXPECT_LE(broken.size(), 500U);
  EXPECT_LE(openai().read_error(std::string(100'000, 'a')).size(), 500U);
}

TEST(OpenAiErrors, NeverEchoAKey) {
  const auto read = [](std::string_view body) { return openai().read_error(body); };
  EXPECT_EQ(read(R"({"error":{"message":"Incorrect API key provided: sk-proj-abc_DEF123. You can find it."}})"),
            "Incorrect API key provided: sk-*** You can find it.");
  // A key that the reading limit goes through.
  for (std::size_t pad = 16'360; pad < 16'390; ++pad)
    EXPECT_EQ(openai().read_error(std::string(pad, ' ') + "sk-abcdefghijklmnopqrstuvwxyz").find("abcdef"),
              std::string::npos);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "sk-abcdefghijkl ";
  EXPECT_EQ(openai().read_error(many).find("abc"), std::string::npos);
}

TEST(Secrets, AreMaskedInEveryUsualForm) {
  EXPECT_EQ(mask_secrets("key sk-abcdefgh, more"), "key sk-***, more");
  EXPECT_EQ(mask_secrets("Authorization: Bearer abc.def-123456"), "Authorization: Bearer ***");
  EXPECT_EQ(mask_secrets("authorization=bearer 'abcdefghij'"), "authorization=bearer '***'");
  EXPECT_EQ(mask_secrets("Bearer sk-abcdefgh"), "Bearer sk-***");
  EXPECT_EQ(mask_secrets("api_key=0123456789abcdef&x=1"), "api_key=***&x=1");
  EXPECT_EQ(mask_secrets("API Key: \"0123456789\""), "API Key: \"***\"");
  EXPECT_EQ(mask_secrets("apikey:0123456789"), "apikey:***");
  EXPECT_EQ(mask_secrets("(gsk_0123456789) hf_abcdefgh AIzaSyA123456 xai-abcdefg"), "(gsk_***) hf_*** AIza*** xai-***");
}

TEST(Secrets, ConfiguredValuesAreMaskedWhateverTheyLookLike) {
  const std::vector<std::string> values{"CANARYUP-1", "", "another value"};
  EXPECT_EQ(mask_values("bad CANARYUP-1, <i>CANARYUP-1</i>; another value", values), "bad ***, <i>***</i>; ***");
  EXPECT_EQ(mask_values("a bound cut it: CANARYUP-", values), "a bound cut it: ***");
  EXPECT_EQ(mask_values("CANARY", values), "CANARY") << "too little to be one";
  EXPECT_EQ(mask_values("", values), "");
}

TEST(Secrets, LeaveOrdinaryTextAlone) {
  for (const char* text : {"task-based risk-free desk-abcdefghijk", "the key is missing", "sk-1", "monkey: yes",
                           "a bearer of news", "request req_0123456789abcdef failed", ""})
    EXPECT_EQ(mask_secrets(text), text);
}

}  // namespace
}  // namespace thalamus::wire
