// What simulated students write.

/** @type {Record<string, string[]>} by question */
export const ESSAYS = {
  seasons: [
    "Imagine that the Earth is a ball which turns around a stick, and the stick is not upright but a little tilted.",
    "On its way around the Sun the stick always points in the same direction.",
    "So for half of the year the north leans towards the Sun, and for the other half it leans away.",
    "When we lean towards the Sun it stands high in the sky, and its light falls almost straight on us.",
    "Light that falls straight on the ground warms it more than light that comes in at a low angle.",
    "You can see that with a torch: hold it straight over a table, and then hold it at an angle.",
    "The days are longer in summer too, so there is more time to get warm.",
    "Many people think that we are nearer to the Sun in summer, but that is not the reason.",
    "In fact the Earth is nearest to the Sun in January.",
    "In Australia it is summer when it is winter here, because the south leans the other way.",
    "At the equator there is hardly any difference between the seasons.",
    "If the stick were upright every day would be like a day in spring.",
  ],
  life: [
    "I would begin with Europa, a moon of Jupiter, because there is an ocean under its ice.",
    "Where there is liquid water, energy and carbon, life may have begun.",
    "Enceladus throws water into space, so a probe could fly through it and collect some.",
    "On Mars I would dig, since the radiation destroys everything near the surface.",
    "The rover would look for patterns in the rock that only living things leave behind.",
    "Titan has lakes, but they are of methane, and it is very cold there.",
    "High in the clouds of Venus it is as warm as here, although they are full of acid.",
    "I would measure whether molecules are more often left-handed than right-handed.",
    "Everything that we send has to be very clean, or we would find our own bacteria.",
    "It is also possible that life came from Mars to the Earth in a meteorite.",
    "A mission that brings samples back is expensive, but laboratories here are far better.",
    "If we find nothing, that is a result as well.",
  ],
};

export const OTHER_ESSAY = [
  "First one has to say what the question means.",
  "There are two sides to this.",
  "An example makes it clearer.",
  "On the other hand it depends on how it is measured.",
  "This is why I think so.",
];
