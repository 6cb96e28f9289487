"""Whose names are told apart in ``languages``: languages of the CLDR by their locales."""

from typing import Final

LANGUAGES: Final = {
    # Germanic
    "en": "English",
    "de": "German",
    "nl": "Dutch",
    "af": "Afrikaans",
    "da": "Danish",
    "nb": "Norwegian",
    "sv": "Swedish",
    "is": "Icelandic",
    # Romance
    "fr": "French",
    "es": "Spanish",
    "ca": "Catalan",
    "pt": "Portuguese",
    "it": "Italian",
    "ro": "Romanian",
    # Slavic and Baltic in Latin letters
    "pl": "Polish",
    "cs": "Czech",
    "sk": "Slovak",
    "sl": "Slovenian",
    "hr": "Croatian",
    "lt": "Lithuanian",
    "lv": "Latvian",
    # Others in Latin letters
    "fi": "Finnish",
    "et": "Estonian",
    "hu": "Hungarian",
    "tr": "Turkish",
    "id": "Indonesian",
    "sw": "Swahili",
    "vi": "Vietnamese",
    # Cyrillic, Greek
    "ru": "Russian",
    "uk": "Ukrainian",
    "bg": "Bulgarian",
    "sr": "Serbian",
    "el": "Greek",
    # Arabic, Devanagari
    "ar": "Arabic",
    "fa": "Persian",
    "hi": "Hindi",
    "mr": "Marathi",
    # Han, kana, hangul
    "ja": "Japanese",
    "zh": "Chinese",
    "ko": "Korean",
}
"""40 locales and the names of their languages, which are the labels."""
