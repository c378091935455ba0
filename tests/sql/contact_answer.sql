begin;
select plan(4);

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
   sjmini_credits, mock_discussion_token, shared_mock_credits)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'Ann@Example.com', 'Ann', 'Lee',
        1, 2, 3, 4, 5);
create temp view answer as
  select a.* from hubspot_sync.hubspot_contact_credits c
   cross join lateral hubspot_sync.contact_answer(c, true) a;
select row_eq(
  'table answer',
  row('00000000-0000-4000-8000-000000000001'::uuid, 'C-1'::text, 'S-1'::text,
      'Ann@Example.com'::text, 'Ann'::text, 'Lee'::text, 1, 2, 3, 4, 5, true)
    ::api.contact_credits, 'each field is the row''s, in its place');
select is((hubspot_sync.contact_answer(c, null)).replayed, null,
          'what was only read is neither new nor replayed')
  from hubspot_sync.hubspot_contact_credits c;
select is(to_jsonb(hubspot_sync.contact_answer(c, false)) - 'replayed',
          (select jsonb_object_agg(k.key, k.value) from jsonb_each(to_jsonb(c)) k
            where k.key in (select a.attname from pg_attribute a
                             where a.attrelid = 'api.contact_credits'::regclass)),
          'no field of the answer is forgotten')
  from hubspot_sync.hubspot_contact_credits c;
select ok(hubspot_sync.contact_answer(null, null) is null, 'nobody is answered as nulls');

select * from finish();
rollback;
