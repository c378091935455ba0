begin;
select plan(21);

create function pg_temp.answer(p_more jsonb) returns jsonb language sql immutable as
  $$select jsonb_build_array('{"record": "00000000-0000-4000-8000-000000000001", "epoch": 1}'
                             || p_more)$$;
select lives_ok(format('select hubspot_sync.require_answers(%L)', a.told), a.what)
  from (values
    (null, 'nothing is told'), ('[]', 'or of nobody'), (pg_temp.answer('{}'), 'or of a record'),
    (pg_temp.answer('{"sent": {"a": "b"}, "hubspot_id": 5}'), 'what was sent, under an id'),
    (pg_temp.answer('{"sent": null, "error": null, "retry_after": 1.5}'), 'or why not'),
    (pg_temp.answer('{"anything": ["else"]}'), 'and more than anybody asks for')
  ) as a (told, what);
select throws_ok(format('select hubspot_sync.require_answers(%L)', a.told), '22023', null,
                 format('%s is refused', a.what))
  from (values
    ('5'::jsonb, 'a number'), ('"x"', 'a text'), ('null', 'a null'), ('{}', 'an object'),
    ('[1]', 'a list of numbers'), ('[[]]', 'a list of lists'),
    ('[{"epoch": 1}]', 'an answer without a record'),
    ('[{"record": "00000000-0000-4000-8000-000000000001"}]', 'one without an epoch'),
    (pg_temp.answer('{"record": "BK-1"}'), 'one of no uuid'),
    (pg_temp.answer('{"epoch": 99999999999999999999}'), 'an epoch that is too large'),
    (pg_temp.answer('{"sent": ["a"]}'), 'a list as what was sent'),
    (pg_temp.answer('{"permanent": "perhaps"}'), 'neither yes nor no'),
    (pg_temp.answer('{"retry_after": "soon"}'), 'a time that is none'),
    (pg_temp.answer('{}') || pg_temp.answer('{"epoch": 2}'), 'a record named twice')
  ) as a (told, what);
select lives_ok(
  $$select hubspot_sync.finish_changes('hubspot_bookings', null),
           hubspot_sync.fail_changes('hubspot_bookings', null)$$,
  'who has nothing to tell may do so');

select * from finish();
rollback;
