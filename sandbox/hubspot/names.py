"""Names to make people of."""

# fmt: off
GIVEN = (
    "Aaliyah", "Adam", "Aisha", "Amelia", "Amina", "Andrei", "Anjali", "Arjun", "Beatriz", "Ben",
    "Bilal", "Bronwen", "Callum", "Carmen", "Chiara", "Chloe", "Daniel", "Diego", "Ebele", "Ebony",
    "Elif", "Emma", "Fatima", "Felix", "Freya", "Gareth", "Grace", "Hana", "Harry", "Imogen",
    "Isaac", "Jamal", "Jasmine", "Kwame", "Layla", "Leo", "Liam", "Maeve", "Mariam", "Mateo", "Mei",
    "Mohammed", "Nadia", "Niamh", "Noah", "Olivia", "Omar", "Oscar", "Priya", "Rahul", "Rosa",
    "Ruby", "Samir", "Sofia", "Tariq", "Tomasz", "Wei", "Yasmin", "Yusuf", "Zara",
)

FAMILY = (
    "Adeyemi", "Ahmed", "Ali", "Andersson", "Baker", "Banerjee", "Barnes", "Begum", "Bianchi",
    "Brown", "Campbell", "Chan", "Chen", "Clarke", "Costa", "Davies", "Demir", "Doherty", "Edwards",
    "Evans", "Fernandez", "Fischer", "Garcia", "Ghosh", "Green", "Hall", "Hassan", "Hughes",
    "Hussain", "Ibrahim", "Jackson", "Jones", "Kaur", "Kelly", "Khan", "Kowalski", "Lee", "Lewis",
    "Macleod", "Malik", "Mbeki", "Mensah", "Morgan", "Murphy", "Nair", "Nguyen", "Novak", "Obi",
    "Okafor", "Patel", "Rahman", "Reid", "Roberts", "Rossi", "Shah", "Singh", "Smith", "Tanaka",
    "Taylor", "Walsh", "Williams", "Wilson", "Wright", "Yilmaz",
)
# fmt: on
