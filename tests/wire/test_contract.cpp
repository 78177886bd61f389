#include "thalamus/wire/contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thalamus::wire {
namespace {

using ::testing::ElementsAre;

std::string error_of(std::string_view json) {
  const auto patch = decode_contract(json);
  return patch ? "" : patch.error().text();
}

std::string header_error(std::string_view name, std::string_view value) {
  core::ContractPatch patch;
  const Status status = apply_contract_header(patch, name, value);
  return status ? "" : status.error().text();
}

TEST(Contract, ReadsEveryMember) {
  const auto patch = decode_contract(
      R"({"max_cost_usd":0.01,"max_latency_ms":2000,"max_ttft_ms":5e2,"min_quality":0.7,"allow":["small","eu"],
          "deny":["large"],"worth":{"answer_usd":0.02,"second_usd":0.001},"session":"s-1","explore":"allowed",
          "on_infeasible":"nearest","explain":true})");
  ASSERT_TRUE(patch) << patch.error().text();
  EXPECT_EQ(patch->max_cost_usd, 0.01);
  EXPECT_EQ(patch->max_latency_ms, 2000);
  EXPECT_EQ(patch->max_ttft_ms, 500);
  EXPECT_EQ(patch->min_quality, 0.7);
  EXPECT_THAT(patch->allow, ElementsAre("small", "eu"));
  EXPECT_THAT(patch->deny, ElementsAre("large"));
  EXPECT_EQ(patch->worth->answer_usd, 0.02);
  EXPECT_EQ(patch->worth->second_usd, 0.001);
  EXPECT_EQ(patch->session, "s-1");
  EXPECT_EQ(patch->explore, core::Explore::kAllowed);
  EXPECT_EQ(patch->on_infeasible, core::OnInfeasible::kNearest);
  EXPECT_EQ(patch->explain, true);
}

TEST(Contract, TakesNullForAbsent) {
  const auto patch =
      decode_contract(R"({"max_cost_usd":null,"allow":null,"worth":null,"session":null,"explain":null})");
  ASSERT_TRUE(patch);
  EXPECT_FALSE(patch->max_cost_usd || patch->worth || patch->session || patch->explain);
  EXPECT_TRUE(patch->allow.empty());
}

TEST(Contract, SaysExactlyWhatIsWrong) {
  EXPECT_EQ(error_of("[]"), "thalamus: expected an object, got an array");
  EXPECT_EQ(error_of(R"({"max_cost_usd":"1"})"), R"(thalamus.max_cost_usd: expected a number of at least 0, got "1")");
  EXPECT_EQ(error_of(R"({"max_cost_usd":-0.5})"), "thalamus.max_cost_usd: expected a number of at least 0, got -0.5");
  EXPECT_EQ(error_of(R"({"max_cost_usd":1e999})"), "thalamus.max_cost_usd: expected a number of at least 0, got 1e999");
  EXPECT_EQ(error_of(R"({"max_latency_ms":0})"), "thalamus.max_latency_ms: expected a number above 0, got 0");
  EXPECT_EQ(error_of(R"({"min_quality":1.5})"), "thalamus.min_quality: expected a number from 0 to 1, got 1.5");
  EXPECT_EQ(error_of(R"({"allow":"small"})"),
            R"(thalamus.allow: expected an array of target names or tags, got "small")");
  EXPECT_EQ(error_of(R"({"allow":["a",7]})"), "thalamus.allow[1]: expected a string, got 7");
  EXPECT_EQ(error_of(R"({"deny":[""]})"),
            "thalamus.deny[0]: expected 1 to 256 bytes without control characters, got 0 bytes");
  EXPECT_EQ(error_of(R"({"worth":0.02})"),
            R"(thalamus.worth: expected an object such as {"answer_usd":0.02,"second_usd":0.001}, got 0.02)");
  EXPECT_EQ(error_of(R"({"worth":{"answer":1}})"),
            R"(thalamus.worth: unknown member "answer"; expected one of answer_usd, second_usd)");
  EXPECT_EQ(error_of(R"({"worth":{"answer_usd":-1}})"),
            "thalamus.worth.answer_usd: expected a number of at least 0, got -1");
  EXPECT_EQ(error_of(R"({"explore":"always"})"), R"(thalamus.explore: expected one of never, allowed; got "always")");
  EXPECT_EQ(error_of(R"({"on_infeasible":"neerest"})"),
            R"(thalamus.on_infeasible: expected one of fail, nearest; got "neerest", did you mean 'nearest'?)");
  EXPECT_EQ(error_of(R"({"explain":1})"), "thalamus.explain: expected true or false, got 1");
  EXPECT_EQ(error_of(R"({"explain":true,"explain":false})"), "thalamus.explain: given twice; give it once");
  EXPECT_EQ(error_of(R"({"explain":true)"), "thalamus: not valid JSON at byte 15: the text ends inside an object");
  EXPECT_EQ(error_of(R"({"max_cost_us":1})"),
            "thalamus: unknown member \"max_cost_us\"; expected one of max_cost_usd, max_latency_ms, max_ttft_ms, "
            "min_quality, allow, deny, worth, session, explore, on_infeasible, explain, did you mean 'max_cost_usd'?");
}

TEST(Contract, BoundsItsLists) {
  std::string names = "\"a\"";
  for (int i = 0; i < 256; ++i) names += ",\"a\"";
  EXPECT_EQ(error_of("{\"allow\":[" + names + "]}"),
            "thalamus.allow[256]: expected at most 256 names; use tags instead");
}

TEST(Contract, AppliesHeadersByTheirNames) {
  core::ContractPatch patch;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"X-Thalamus-Max-Cost-Usd", " 0.01 "},
                                                        {"x-thalamus-max-latency-ms", "2000"},
                                                        {"x-thalamus-max-ttft-ms", "5e2"},
                                                        {"x-thalamus-min-quality", "0.7"},
                                                        {"x-thalamus-allow", "small, eu"},
                                                        {"x-thalamus-allow", "tool"},
                                                        {"x-thalamus-deny", "large"},
                                                        {"x-thalamus-worth-answer-usd", "0.02"},
                                                        {"x-thalamus-worth-second-usd", "1"},
                                                        {"x-thalamus-session", "s-1"},
                                                        {"x-thalamus-explore", "never"},
                                                        {"x-thalamus-on-infeasible", "fail"},
                                                        {"x-thalamus-explain", "True"}})
    ASSERT_TRUE(apply_contract_header(patch, name, value)) << name;
  EXPECT_EQ(patch.max_cost_usd, 0.01);
  EXPECT_EQ(patch.max_latency_ms, 2000);
  EXPECT_EQ(patch.max_ttft_ms, 500);
  EXPECT_EQ(patch.min_quality, 0.7);
  EXPECT_THAT(patch.allow, ElementsAre("small", "eu", "tool"));
  EXPECT_THAT(patch.deny, ElementsAre("large"));
  EXPECT_EQ(patch.worth->answer_usd, 0.02);
  EXPECT_EQ(patch.worth->second_usd, 1);
  EXPECT_EQ(patch.session, "s-1");
  EXPECT_EQ(patch.explore, core::Explore::kNever);
  EXPECT_EQ(patch.on_infeasible, core::OnInfeasible::kFail);
  EXPECT_EQ(patch.explain, true);
}

TEST(Contract, SaysWhatIsWrongWithAHeader) {
  EXPECT_EQ(header_error("x-thalamus-max-cost-usd", "cheap"),
            R"(header x-thalamus-max-cost-usd: expected a number of at least 0, got "cheap")");
  EXPECT_EQ(header_error("x-thalamus-max-cost-usd", "inf"),
            R"(header x-thalamus-max-cost-usd: expected a number of at least 0, got "inf")");
  EXPECT_EQ(header_error("x-thalamus-min-quality", "nan"),
            R"(header x-thalamus-min-quality: expected a number from 0 to 1, got "nan")");
  EXPECT_EQ(header_error("x-thalamus-explain", "yes"),
            R"(header x-thalamus-explain: expected true or false, got "yes")");
  EXPECT_EQ(header_error("x-thalamus-allow", "a,,b"),
            "header x-thalamus-allow: expected 1 to 256 bytes without control characters, got 0 bytes");
  const std::string unknown = header_error("x-thalamus-max-costs-usd", "1");
  EXPECT_THAT(unknown,
              ::testing::StartsWith("header x-thalamus-max-costs-usd: unknown header; expected one of x-thalamus-"));
  EXPECT_THAT(unknown, ::testing::EndsWith("did you mean 'x-thalamus-max-cost-usd'?"));
  EXPECT_NE(header_error("x-thalamus-max_cost_usd", "1"), "");
  EXPECT_NE(header_error("x-thalamus-worth", "1"), "");
}

}  // namespace
}  // namespace thalamus::wire
