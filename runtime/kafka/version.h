#pragma once

#include <string>

namespace moult::kafka {

/// The librdkafka that this program was compiled against, e.g. "2.14.2".
std::string compiled_version();
/// The one that is loaded.
std::string loaded_version();
/// The loaded one as in RD_KAFKA_VERSION: 0xMMmmrrxx.
int loaded_version_number();

inline constexpr int kCooperativeIsSafe = 0x020a00ff;  // lrk#4059, #4637, #4527, #4783
inline constexpr int kPauseIsSafe = 0x020400ff;        // lrk#4636: may resume from a stale offset

}  // namespace moult::kafka
