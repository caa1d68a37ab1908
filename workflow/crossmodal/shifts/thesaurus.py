"""A fixed table of English words that may stand for one another in a caption of a picture.

Own and small: WordNet's readers (wn, nltk) and the libraries on top of them fetch its database over the network
while they run, and its rare senses make captions odd. Each line of `GROUPS` is a set of words of one meaning and
form. All words of a line begin with a vowel or none does, so that the article before them stays right.
"""

GROUPS = """
people persons folks
person human
man guy gentleman
men guys gentlemen
woman lady
women ladies
boy lad
boys lads
girl lass
girls lasses
child kid youngster
children kids youngsters
baby toddler
babies toddlers
father dad
mother mom
couple pair
crowd throng
friend pal buddy
friends pals buddies
doctor physician
teacher schoolteacher
student pupil
worker labourer
firefighter fireman
police constabulary
soldier trooper
cook chef
dog hound
dogs hounds
puppy whelp
cat feline
cats felines
bunny rabbit
horse steed
pig hog
pigs hogs
donkey jackass
monkey simian
rooster cockerel
bug beetle
beast brute
beasts brutes
creature being
bird fowl
birds fowls
face visage
mouth maw
belly stomach
eyes eyeballs
eye eyeball
hair locks
leg limb
happy glad cheerful
sad sorrowful
angry enraged
scared frightened
sleepy drowsy
tired weary
excited elated
surprised startled
crazy mad
funny comical
lovely beautiful
cute sweet
silly foolish
smile grin
smiling grinning beaming
frowning scowling
crying weeping sobbing
laughing giggling chuckling
kiss smooch
kissing smooching
love fondness
joy delight
fear dread
anger ire
big large huge
small little tiny
tall lofty
short brief
fast quick speedy
slow sluggish
old aged
young youthful
new fresh
hot scorching
cold chilly
wet soaked
dirty filthy
shiny glossy
bright brilliant
dark dim
loud noisy
quiet silent
empty unfilled
full filled
open ajar
closed shut
broken shattered
round circular
sharp pointed
heavy weighty
thick dense
strange peculiar
rich wealthy
dead deceased
sick poorly
good fine
bad poor
red crimson scarlet
blue navy
green verdant
purple violet
pink rosy
brown tan
black jet
white snowy
grey silver
gray slate
car motorcar
cars motorcars
truck lorry
bus coach
bike bicycle
bikes bicycles
motorcycle motorbike
boat vessel ship
boats vessels ships
airplane aeroplane aircraft
train locomotive
road street
path trail track
house home dwelling
houses homes dwellings
building structure
buildings structures
shop store
church chapel
castle fortress
factory mill
bridge viaduct
door gate
wall partition
fence barrier
couch sofa
chair seat
bed cot
lamp lantern
cup mug
bottle flask
bag sack
box carton
gift present
coat jacket
hat cap
shoe boot
shoes boots
trousers pants
shirt tee
dress gown
sunglasses shades
spectacles glasses
phone telephone
computer laptop
television TV
photo photograph picture
photos photographs pictures
movie film
song tune
music melody
book volume
newspaper gazette
letter note
mail post
money cash
coin penny
clock timepiece
knife blade
gun pistol
bomb grenade
rope cord
stone rock
stones rocks
flag banner
flags banners
sign placard
symbol character
mark stamp
circle disc
square quadrate
ball sphere
food grub
meal dinner
drink beverage
drinks beverages
candy sweetmeat
cake gateau
cookie biscuit
fries chips
soda pop
corn maize
sea deep
lake lagoon
river stream
pond pool
beach seashore
hill mound
mountain peak
mountains peaks
forest woods
field meadow
grass lawn
tree sapling
trees saplings
flower blossom bloom
flowers blossoms blooms
plant shrub
earth orb
snow sleet
rain drizzle
storm tempest
wind breeze
fog mist haze
fire blaze
sky heavens
sun sunshine
night nighttime
evening eventide
morning dawn
run sprint
running sprinting
walk stroll
walking strolling
jump leap
jumping leaping
jumps leaps
climbing scaling
sitting seated
looking gazing staring
watching viewing
holding gripping
carrying hauling
throwing tossing hurling
catching seizing
pulling tugging
pushing shoving
riding mounting
speaking talking
talk chat
shouting yelling
playing frolicking
sleeping slumbering
cutting slicing
making creating
pointing gesturing
wearing sporting
falling tumbling
flying soaring
swimming bathing
travel journey
celebration festivity
party festivities
wedding nuptials
holiday vacation
contest competition
game match
prize trophy
job profession
country nation
city town
village hamlet
place location spot
places locations spots
part portion
kind sort type
middle centre
side flank
near beside
several numerous
various diverse
stop halt
begin start
help support
fix repair
"""

SYNONYMS: dict[str, tuple[str, ...]] = {
    word: tuple(other for other in line.split() if other != word)
    for line in GROUPS.split("\n")
    for word in line.split()
}
"""Lower-case word to the others of its group."""
