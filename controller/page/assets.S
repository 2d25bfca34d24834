/* SPDX-License-Identifier: Apache-2.0 */
/* The page's own files, as they are in the tree. The build says where the tree is. */
	.section .rodata
	.globl page_css_start, page_css_end, page_js_start, page_js_end
	.globl page_icon_start, page_icon_end
page_css_start:
	.incbin "controller/page/page.css"
page_css_end:
page_js_start:
	.incbin "controller/page/page.js"
page_js_end:
page_icon_start:
	.incbin "controller/page/icon.svg"
page_icon_end:
	.section .note.GNU-stack,"",@progbits
