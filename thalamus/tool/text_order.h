/// Words that stand in an order of their own, which is not the alphabet's: weekdays, sizes, levels, number words.
#pragma once

#include "thalamus/tool/text_items.h"

namespace thalamus::tool {

/// Do two items or more belong to one such order? Then "sort these" does not mean alphabetically.
[[nodiscard]] bool have_own_order(const Items& items);

}  // namespace thalamus::tool
