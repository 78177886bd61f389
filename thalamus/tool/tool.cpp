#include "thalamus/tool/tool.h"

namespace thalamus::tool {

std::string Solution::text() const { return working.empty() ? answer : working + "\n" + answer; }

}  // namespace thalamus::tool
