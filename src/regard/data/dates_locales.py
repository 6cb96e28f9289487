"""Whose dates are written: locales, their digits and, where people set one, the article."""

from typing import Final

LOCALES: Final = (
    # Latin
    *("af", "az", "br", "bs", "ca", "ceb", "cs", "cy", "da", "de", "en", "en_GB", "eo", "es"),
    *("et", "eu", "fi", "fil", "fo", "fr", "fy", "ga", "gd", "gl", "ha", "hr", "hu", "id", "ig"),
    *("is", "it", "jv", "ku", "lb", "lt", "lv", "mg", "mi", "ms", "mt", "nb", "nl", "nn", "om"),
    *("pl", "pt", "ro", "sk", "sl", "so", "sq", "sr_Latn", "sv", "sw", "tk", "tr", "uz", "vi"),
    *("xh", "zu"),
    # Cyrillic, Greek, Armenian, Georgian
    *("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "tt", "uk", "uz_Cyrl"),
    *("el", "hy", "ka"),
    # Hebrew, Arabic, Ethiopic, Tifinagh, Adlam
    *("he", "yi", "ar", "ar_EG", "ckb", "fa", "ps", "sd", "ug", "ur"),
    *("am", "ti", "zgh", "ff_Adlm"),
    # Devanagari, Bengali, Gurmukhi, Gujarati, Odia, Tamil, Telugu, Kannada, Malayalam, Sinhala
    *("hi", "kok", "mr", "ne", "as", "bn", "pa", "gu", "or", "ta", "te", "kn", "ml", "si"),
    # Ol Chiki, Tibetan, Thai, Lao, Khmer, Burmese
    *("sat", "dz", "th", "lo", "km", "my"),
    # Hangul, Han
    *("ko", "ja", "yue", "zh", "zh_Hant"),
)
"""CLDR locales whose months have names of their own in Babel's data."""

ZEROS: Final = {
    "adlm": "𞥐",
    "arab": "٠",
    "arabext": "۰",
    "beng": "০",
    "deva": "०",
    "latn": "0",
    "mymr": "၀",
    "olck": "᱐",
    "tibt": "༠",
}
"""The zero of each numbering system that is the default of a locale; 1 to 9 follow it."""

ARTICLES: Final = {
    "ca": "el ",
    "da": "den ",
    "es": "el ",
    "fr": "le ",
    "it": "il ",
    "nb": "den ",
    "sv": "den ",
}
"""What people set before a day without its weekday; CLDR has no form for it."""
