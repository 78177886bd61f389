// What `thalamus --version` prints.
#include "app/thalamus/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thalamus::app {
namespace {

using testing::MatchesRegex;

TEST(Version, BeginsWithTheNumberAloneAndNamesWhatWasBuilt) {
  EXPECT_THAT(version_text(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"
                                           "revision: ([0-9a-f]{12}|unknown)\n"
                                           "compiler: (GCC|Clang) [0-9][^\n]*[^ \n]\n"
                                           "build: [A-Za-z ]+\n"
                                           "(sanitizers: [a-z,-]+\n)?"
                                           "feature encoder: (off|ONNX Runtime [0-9.]+)"));
}

TEST(Version, NamesTheCompilerOfThisTest) {
#ifdef __clang__
  EXPECT_NE(version_text().find("compiler: Clang"), std::string::npos);
#else
  EXPECT_NE(version_text().find("compiler: GCC " __VERSION__), std::string::npos);
#endif
}

}  // namespace
}  // namespace thalamus::app
