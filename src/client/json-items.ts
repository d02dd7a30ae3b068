import { JsonReader } from '../std/json.ts';

/** The items of the array that an object has under `name`, each as its own text: JSON.parse would round what a u64 holds. */
export function topLevelItems(text: string, name: string): readonly string[] {
  const reader = new JsonReader(text);
  const items: string[] = [];
  reader.members(1, (key) => {
    if (key !== name) {
      reader.value(2);
      return;
    }
    reader.items(2, () => {
      reader.peek();
      const start = reader.at;
      reader.value(3);
      items.push(text.slice(start, reader.at));
    });
  });
  return items;
}
