/// The word lists of the task families.
#include "thalamus/check/families/family.h"

namespace thalamus::check {

const Strings& first_names() {
  static const Strings kList = {"Anna",  "Ben",   "Carla", "David",  "Emma",  "Felix",  "Grace", "Hugo",
                                "Ines",  "Jonas", "Kira",  "Leo",    "Maya",  "Noah",   "Olga",  "Paul",
                                "Rosa",  "Sam",   "Tina",  "Victor", "Wendy", "Yusuf",  "Zoe",   "Amir",
                                "Bella", "Chen",  "Diego", "Elif",   "Farah", "George", "Hana",  "Ivan",
                                "Julia", "Kofi",  "Lena",  "Marco",  "Nadia", "Oscar",  "Priya", "Ravi"};
  return kList;
}

const Strings& surnames() {
  static const Strings kList = {"Moss",   "Keller",   "Okafor", "Lindqvist", "Marsh",  "Patel",   "Novak",   "Romero",
                                "Tanaka", "Vogel",    "Winter", "Larsen",    "Dubois", "Ferrari", "Haddad",  "Kovacs",
                                "Mendes", "Nakamura", "Olsen",  "Petrov",    "Quinn",  "Rossi",   "Schmidt", "Turner"};
  return kList;
}

const Strings& cities() {
  static const Strings kList = {"Lyon",   "Porto",  "Ghent",  "Turin",  "Malmo",   "Graz",   "Leeds",   "Cork",
                                "Bergen", "Split",  "Brno",   "Gdansk", "Seville", "Basel",  "Utrecht", "Tampere",
                                "Aarhus", "Bilbao", "Zagreb", "Riga",   "Oslo",    "Dublin", "Krakow",  "Nantes"};
  return kList;
}

const Strings& jobs() {
  static const Strings kList = {"baker",      "nurse",   "carpenter", "teacher",  "pilot",  "gardener", "lawyer",
                                "plumber",    "dentist", "librarian", "painter",  "chef",   "tailor",   "surgeon",
                                "translator", "welder",  "architect", "musician", "farmer", "chemist"};
  return kList;
}

const Strings& fruits() {
  static const Strings kList = {"apple",  "banana", "cherry", "grape",     "lemon", "mango",   "melon",
                                "orange", "papaya", "peach",  "pear",      "plum",  "apricot", "fig",
                                "kiwi",   "lime",   "quince", "raspberry", "date",  "olive"};
  return kList;
}

const Strings& animals() {
  static const Strings kList = {"cat",   "dog",  "parrot", "rabbit", "hamster",  "turtle", "goldfish", "canary",
                                "horse", "goat", "lizard", "ferret", "hedgehog", "snake",  "duck",     "pony"};
  return kList;
}

const Strings& colours() {
  static const Strings kList = {"red",    "blue",   "green", "yellow", "white", "black",
                                "orange", "purple", "brown", "grey",   "pink",  "silver"};
  return kList;
}

const Strings& goods() {
  static const Strings kList = {"apples",  "pencils", "books",  "stickers", "marbles", "cookies",
                                "candles", "tickets", "stamps", "oranges",  "bottles", "postcards",
                                "buttons", "shells",  "coins",  "plates",   "tiles",   "lamps",
                                "chairs",  "seeds",   "roses",  "eggs",     "cups",    "balloons"};
  return kList;
}

const Strings& hobbies() {
  static const Strings kList = {"chess",   "fishing",  "painting", "running", "pottery", "photography",
                                "sailing", "knitting", "climbing", "cycling", "dancing", "gardening",
                                "archery", "skiing",   "singing",  "cooking"};
  return kList;
}

const Strings& places() {
  static const Strings kList = {"kitchen", "garage",  "garden",  "attic",    "cellar", "office", "bathroom", "hallway",
                                "library", "bedroom", "balcony", "workshop", "pantry", "shed",   "studio",   "laundry"};
  return kList;
}

const Strings& portable() {
  static const Strings kList = {"lamp",     "book",   "umbrella", "camera", "basket", "hammer", "violin",
                                "suitcase", "kettle", "blanket",  "ladder", "radio",  "vase",   "telescope",
                                "map",      "helmet", "mirror",   "clock",  "bucket", "guitar"};
  return kList;
}

const Strings& words() {
  static const Strings kList = {
      "lantern",      "window",     "garden",     "planet",      "silver",     "bridge",     "castle",
      "mountain",     "pepper",     "ribbon",     "summer",      "winter",     "hammer",     "butter",
      "letter",       "bottle",     "button",     "cotton",      "dragon",     "engine",     "forest",
      "ginger",       "harbor",     "island",     "jacket",      "kitten",     "ladder",     "marble",
      "needle",       "orange",     "parrot",     "rabbit",      "saddle",     "temple",     "velvet",
      "walnut",       "yellow",     "zipper",     "anchor",      "basket",     "candle",     "desert",
      "elbow",        "feather",    "guitar",     "helmet",      "insect",     "jungle",     "kettle",
      "lemonade",     "magnet",     "notebook",   "octopus",     "pencil",     "quarter",    "rocket",
      "scissors",     "thunder",    "umbrella",   "village",     "whistle",    "airport",    "balloon",
      "chimney",      "diamond",    "elephant",   "furnace",     "giraffe",    "harvest",    "iceberg",
      "journey",      "keyboard",   "library",    "morning",     "nightfall",  "orchard",    "penguin",
      "quality",      "rainbow",    "sunrise",    "tractor",     "uniform",    "volcano",    "weather",
      "asteroid",     "backpack",   "calendar",   "daughter",    "envelope",   "festival",   "gasoline",
      "hospital",     "internet",   "junction",   "keyhole",     "lighthouse", "medicine",   "necklace",
      "operator",     "passport",   "question",   "railroad",    "sandwich",   "triangle",   "universe",
      "vacation",     "waterfall",  "adventure",  "blueberry",   "chocolate",  "dandelion",  "education",
      "furniture",    "goldsmith",  "happiness",  "important",   "jellyfish",  "landscape",  "marmalade",
      "newspaper",    "operation",  "pineapple",  "raspberry",   "strawberry", "telephone",  "upholstery",
      "vegetable",    "wonderful",  "afternoon",  "apartment",   "basketball", "cinnamon",   "committee",
      "difference",   "embarrass",  "fireplace",  "grasshopper", "helicopter", "impossible", "mississippi",
      "nevertheless", "occurrence", "possession", "parallel",    "restaurant", "successful", "tomorrow",
      "accommodate",  "bookkeeper", "cappuccino", "millennium",  "mattress"};
  return kList;
}

}  // namespace thalamus::check
