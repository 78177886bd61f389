#include "thalamus/wire/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <nlohmann/json.hpp>

#include "thalamus/base/rng.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

Result<EmbeddingsRequest> decode(std::string_view body) { return decode_embeddings(body, DecodeLimits{}); }

std::string error_of(std::string_view body) {
  const auto request = decode(body);
  return request ? "" : request.error().text();
}

std::string with_input(std::string_view input) { return R"({"model":"m","input":)" + std::string(input) + "}"; }

TEST(Embeddings, ReadsTheFourFormsOfInput) {
  EXPECT_THAT(decode(with_input(R"("a\nb")"))->texts, ElementsAre("a\nb"));
  EXPECT_THAT(decode(with_input(R"(["a","b"])"))->texts, ElementsAre("a", "b"));
  EXPECT_THAT(decode(with_input("[1,2,3]"))->tokens, ElementsAre(ElementsAre(1, 2, 3)));
  const auto arrays = decode(with_input("[[1],[2,0]]"));
  ASSERT_TRUE(arrays) << arrays.error().text();
  EXPECT_THAT(arrays->tokens, ElementsAre(ElementsAre(1), ElementsAre(2, 0)));
  EXPECT_EQ(arrays->input_count(), 2U);
}

TEST(Embeddings, ReadsOptions) {
  const auto request = decode(R"({"input":"a","mod\u0065l":"m","encoding_format":"base64","dimensions":256,"user":"u",
                                  "thalamus":{"max_cost_usd":0.5},"truncate":true})");
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->encoding, EmbeddingEncoding::kBase64);
  EXPECT_EQ(request->dimensions, 256U);
  EXPECT_EQ(request->user, "u");
  EXPECT_EQ(request->contract.max_cost_usd, 0.5);
  EXPECT_THAT(request->unread, ElementsAre("truncate"));
  EXPECT_EQ(decode(R"({"input":"a","model":"m","encoding_format":null,"dimensions":null})")->encoding,
            EmbeddingEncoding::kFloat);
}

TEST(Embeddings, NamesWhatIsWrong) {
  const std::string forms = "a string, an array of strings, an array of tokens or an array of arrays of tokens";
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "body: expected a JSON object, got an empty body"},
      {"[]", "body: expected a JSON object, got an array"},
      {R"({"input":"a"})", "body.model: missing; name a route or a target, as GET /v1/models lists them"},
      {R"({"model":"m"})", "body.input: missing; expected " + forms},
      {R"({"model":"m","model":"n","input":"a"})", "body.model: given twice; give it once"},
      {R"({"model":"m","input":"a","inp\u0075t":"b"})", "body.input: given twice; give it once"},
      {R"({"model":3,"input":"a"})", "body.model: expected a string, got 3"},
      {with_input("{}"), "body.input: expected " + forms + ", got an object"},
      {with_input("[]"), "body.input: expected " + forms + ", got []; give at least one"},
      {with_input("\"\""), "body.input: expected a non-empty string, got \"\""},
      {with_input(R"(["a",""])"), "body.input[1]: expected a non-empty string, got \"\""},
      {with_input(R"(["a",1])"), "body.input[1]: expected a string, got 1"},
      {with_input(R"([1,"a"])"), "body.input[1]: expected a whole number from 0 to 4294967295, got \"a\""},
      {with_input("[1,1.5]"), "body.input[1]: expected a whole number from 0 to 4294967295, got 1.5"},
      {with_input("[[1],2]"), "body.input[1]: expected an array of tokens, got 2"},
      {with_input("[[1],[]]"), "body.input[1]: expected a non-empty array of tokens, got []"},
      {with_input("[[1,-1]]"), "body.input[0][1]: expected a whole number from 0 to 4294967295, got -1"},
      {with_input("[null]"), "body.input[0]: expected a string, a token or an array of tokens, got null"},
      {R"({"model":"m","input":"a","encoding_format":"base46"})",
       "body.encoding_format: expected one of float, base64; got \"base46\", did you mean 'base64'?"},
      {R"({"model":"m","input":"a","dimensions":0})",
       "body.dimensions: expected a whole number from 1 to 4294967295, got 0"},
      {with_input("[1") + "x", "body: not valid JSON at byte 22: expected a comma or the end of the array"}};
  for (const auto& [body, error] : table) {
    if (body.ends_with("x")) {
      EXPECT_EQ(error_of(body).substr(0, 23), error.substr(0, 23)) << body;
    } else {
      EXPECT_EQ(error_of(body), error) << body;
    }
  }
}

TEST(Embeddings, HoldsItsLimits) {
  std::string many = "[\"a\"";
  for (std::size_t i = 1; i < kEmbeddingInputsMax; ++i) many += ",\"a\"";
  EXPECT_EQ(decode(with_input(many + "]"))->input_count(), kEmbeddingInputsMax);
  const auto request = decode(with_input(many + ",\"a\"]"));
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  DecodeLimits limits;
  limits.body_bytes_max = 5;
  EXPECT_EQ(decode_embeddings(with_input("\"a\""), limits).error().kind, ErrorKind::kTooLarge);
}

TEST(Embeddings, ForwardsTheClientsBytes) {
  EXPECT_EQ(forward_embeddings(R"({ "input" : [1 , 2] ,"thalamus":{}, "model":"auto","x":1e400})", "up").value(),
            R"({ "input" : [1 , 2] , "model":"up","x":1e400})");
  EXPECT_EQ(forward_embeddings(R"({"input":"a"})", "up").error().text(),
            "body.model: missing; name a route or a target");
}

TEST(Embeddings, ReadsVectorsInEitherSpelling) {
  // 1.5 is 00 00 c0 3f, -2 is 00 00 00 c0.
  const auto answer = read_embeddings(R"({"object":"list","model":"e","usage":{"prompt_tokens":7,"total_tokens":7},
      "data":[{"object":"embedding","index":1,"embedding":"AADAPwAAAMA="},{"embedding":[0.1,-2,1e-60],"index":0}]})");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->model, "e");
  EXPECT_THAT(answer->vectors, ElementsAre(ElementsAre(0.1F, -2.0F, 0.0F), ElementsAre(1.5F, -2.0F)));
  EXPECT_EQ(answer->usage.input, 7U);
  EXPECT_TRUE(answer->usage.known);
}

TEST(Embeddings, RefusesAnswersThatAreNone) {
  const auto error = [](std::string_view data) {
    const auto answer = read_embeddings(R"({"data":)" + std::string(data) + "}");
    EXPECT_FALSE(answer) << data;
    EXPECT_EQ(answer.error().kind, ErrorKind::kUpstream);
    return answer.error().message;
  };
  EXPECT_EQ(error("[]"), "the answer has no embeddings");
  EXPECT_EQ(error(R"([{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}])"), "the answer has no embedding 1");
  EXPECT_EQ(error(R"([{"index":5,"embedding":[1]}])"), "the answer has no embedding 0");
  const std::string no_vector = "embedding 0 is no vector of finite numbers";
  for (const char* row : {R"({"embedding":[]})", R"({"embedding":null})", R"({})", R"({"embedding":[1,null]})",
                          R"({"embedding":[1e39]})", R"({"embedding":"AADAP"})", R"({"embedding":"AADA!w=="})",
                          R"({"embedding":"AADAPwAA"})", R"({"embedding":"AACAfw=="})"})
    EXPECT_EQ(error("[" + std::string(row) + "]"), no_vector) << row;
  EXPECT_EQ(read_embeddings(R"({"error":{"message":"no"}})").error().message, "the answer is an error: no");
  EXPECT_EQ(read_embeddings("[]").error().message, "the answer is not a JSON object: it begins with another value");
  EXPECT_FALSE(read_embeddings("{\"data\":["));
}

TEST(Embeddings, WritesAnswersAsTheOfficialClientsExpectThem) {
  EmbeddingsAnswer answer;
  answer.model = "e";
  answer.vectors = {{0.1F, -2.0F}, {1.5F}};
  answer.usage.input = 7;
  json expected = json::parse(R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]},
      {"object":"embedding","index":1,"embedding":[1.5]}],"model":"e","usage":{"prompt_tokens":7,"total_tokens":7}})");
  EXPECT_EQ(json::parse(encode_embeddings(answer, EmbeddingEncoding::kFloat)), expected);
  expected["data"][0]["embedding"] = "zczMPQAAAMA=";
  expected["data"][1]["embedding"] = "AADAPw==";
  EXPECT_EQ(json::parse(encode_embeddings(answer, EmbeddingEncoding::kBase64)), expected);
}

TEST(Embeddings, ReadsBackEveryFloatItWrites) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    base::Rng rng(seed);
    EmbeddingsAnswer answer;
    for (std::uint64_t i = 1 + rng.below(3); i > 0; --i) {
      std::vector<float>& numbers = answer.vectors.emplace_back();
      for (std::uint64_t n = 1 + rng.below(20); n > 0; --n) {
        const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(rng.next()));
        numbers.push_back(std::isfinite(number) ? number : std::numeric_limits<float>::max());
      }
    }
    for (const EmbeddingEncoding encoding : {EmbeddingEncoding::kFloat, EmbeddingEncoding::kBase64}) {
      const auto back = read_embeddings(encode_embeddings(answer, encoding));
      ASSERT_TRUE(back) << back.error().text() << " seed " << seed;
      ASSERT_EQ(back->vectors.size(), answer.vectors.size()) << "seed " << seed;
      for (std::size_t i = 0; i < answer.vectors.size(); ++i) EXPECT_EQ(back->vectors[i], answer.vectors[i]) << seed;
    }
  }
}

}  // namespace
}  // namespace thalamus::wire
