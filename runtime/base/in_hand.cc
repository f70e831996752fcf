#include "runtime/base/in_hand.h"

namespace moult {

constinit thread_local InHand in_hand;

}  // namespace moult
