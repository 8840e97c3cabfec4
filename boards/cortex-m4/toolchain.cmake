# A Cortex-M4 with its single-precision FPU, without an operating system: for firmware that links tributary_stats and
# tributary_wire. cmake -DCMAKE_TOOLCHAIN_FILE=boards/cortex-m4/toolchain.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m4)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(tributary_flags "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffunction-sections -fdata-sections -DTRIBUTARY_FREESTANDING")
set(CMAKE_C_FLAGS_INIT "${tributary_flags}")
set(CMAKE_CXX_FLAGS_INIT "${tributary_flags} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_C_FLAGS_RELEASE_INIT "-Os")
set(CMAKE_CXX_FLAGS_RELEASE_INIT "-Os")
