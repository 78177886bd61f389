#include "thalamus/learn/batch_method.h"

#include <array>

namespace thalamus::learn {

#define BATCH_METHOD(name) [[nodiscard]] BatchMethodRecord name##_record();
#include "thalamus/learn/batch_methods.def"
#undef BATCH_METHOD

std::span<const BatchMethodRecord> batch_methods() {
  static const std::array rows{
#define BATCH_METHOD(name) name##_record(),
#include "thalamus/learn/batch_methods.def"
#undef BATCH_METHOD
  };
  return rows;
}

}  // namespace thalamus::learn
