#include "textflag.h"

// Of each 16 bytes loaded the first 12 become 16 characters: every four bytes hold three of the data, in the order in which the multiplications
// below find the four times six bits of them.
DATA spread<>+0(SB)/8, $0x0405030401020001
DATA spread<>+8(SB)/8, $0x0a0b090a07080607
GLOBL spread<>(SB), RODATA|NOPTR, $16

// What is added to six bits to make a character of them, by what byte 51 subtracted with saturation leaves of them: 0 for 26 to 51 (a to z), 1 to 10
// for the digits, 11 and 12 for + and /, and 13 for 0 to 25 (A to Z).
DATA shift<>+0(SB)/8, $0xfcfcfcfcfcfcfc47
DATA shift<>+8(SB)/8, $0x000041f0edfcfcfc
GLOBL shift<>(SB), RODATA|NOPTR, $16

DATA masks<>+0(SB)/4, $0x0fc0fc00
DATA masks<>+4(SB)/4, $0x04000040
DATA masks<>+8(SB)/4, $0x003f03f0
DATA masks<>+12(SB)/4, $0x01000010
DATA masks<>+16(SB)/4, $0x33333333
DATA masks<>+20(SB)/4, $0x1a1a1a1a
DATA masks<>+24(SB)/4, $0x0d0d0d0d
GLOBL masks<>(SB), RODATA|NOPTR, $28

// func encode24(out, data *byte, n int)
TEXT ·encode24(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTI128 spread<>(SB), Y8
	VBROADCASTI128 shift<>(SB), Y9
	VPBROADCASTD masks<>+0(SB), Y10
	VPBROADCASTD masks<>+4(SB), Y11
	VPBROADCASTD masks<>+8(SB), Y12
	VPBROADCASTD masks<>+12(SB), Y13
	VPBROADCASTD masks<>+16(SB), Y14
	VPBROADCASTD masks<>+20(SB), Y15
	VPBROADCASTD masks<>+24(SB), Y7

next:
	VMOVDQU (SI), X0
	VINSERTI128 $1, 12(SI), Y0, Y0
	VPSHUFB Y8, Y0, Y0

	// Six bits in each byte.
	VPAND Y10, Y0, Y1
	VPMULHUW Y11, Y1, Y1
	VPAND Y12, Y0, Y2
	VPMULLW Y13, Y2, Y2
	VPOR Y1, Y2, Y0

	// Their characters.
	VPSUBUSB Y14, Y0, Y1
	VPCMPGTB Y0, Y15, Y2
	VPAND Y7, Y2, Y2
	VPOR Y2, Y1, Y1
	VPSHUFB Y1, Y9, Y1
	VPADDB Y1, Y0, Y0
	VMOVDQU Y0, (DI)

	ADDQ $24, SI
	ADDQ $32, DI
	DECQ CX
	JNZ next
	VZEROUPPER
	RET
