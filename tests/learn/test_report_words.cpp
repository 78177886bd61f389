// The training report in sentences: what the data support, and what more of them would tell.
#include "thalamus/learn/report_words.h"

#include <gtest/gtest.h>

namespace thalamus::learn {
namespace {

TrainReport report(double gain, double half_width) {
  TrainReport report;
  report.rows = 400;
  report.folds = 5;
  report.best_single = "large";
  report.gain_over_best_single = gain;
  report.gain_low = gain - half_width;
  report.gain_high = gain + half_width;
  CandidateReport& candidate = report.candidates.emplace_back();
  candidate.method = "ridge";
  candidate.chosen = true;
  return report;
}

TEST(ReportWords, SayOfWhatMoreRowsWouldTell) {
  // An interval twice as wide as the gain needs four times the rows: 1,200 more.
  const std::string words = report_words(report(0.01, 0.02), 3);
  EXPECT_NE(words.find("do not support a gain over always using large. About 1200 more training rows like the 400 at "
                       "hand (a prompt each, with the recorded outcomes of its models) would tell"),
            std::string::npos)
      << words;
}

TEST(ReportWords, AskForNoRowsWhereTheDataDecide) {
  for (const auto& [gain, half] : {std::pair{0.03, 0.01}, {-0.03, 0.01}, {-0.01, 0.02}, {0.0, 0.02}})
    EXPECT_EQ(report_words(report(gain, half), 3).find("more training rows"), std::string::npos) << gain;
}

}  // namespace
}  // namespace thalamus::learn
