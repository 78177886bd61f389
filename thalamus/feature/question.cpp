#include "thalamus/feature/question.h"

#include <algorithm>

#include "thalamus/feature/tokenize.h"

namespace thalamus::feature {
namespace {

/// Where the last paragraph of text[begin, end) begins; `begin` if it has only one.
std::size_t last_paragraph(std::string_view text, std::size_t begin, std::size_t end) noexcept {
  std::size_t newline = end;  // the one that ends a line without anything but blanks so far
  bool blank = false;
  for (std::size_t at = end; at > begin; --at) {
    const char c = text[at - 1];
    if (c == '\n') {
      if (blank) return newline + 1;
      newline = at - 1;
      blank = true;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      blank = false;
    }
  }
  return begin;
}

}  // namespace

std::size_t count_question_tokens(std::string_view text, std::size_t message) noexcept {
  std::size_t count = 0;
  std::size_t end = text.size();
  while (end > message && count < kQuestionTokensMin) {
    std::size_t begin = last_paragraph(text, message, end);
    // A blank line at the very end leaves an empty paragraph.
    if (begin >= end) begin = last_paragraph(text, message, end - 1);
    tokenize(text.substr(begin, end - begin), [&](std::uint64_t) { ++count; });
    end = begin;
  }
  return count;
}

}  // namespace thalamus::feature
