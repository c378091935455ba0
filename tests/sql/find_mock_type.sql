begin;
select plan(24);

select is((hubspot_sync.find_mock_type(t.typed)).mock_type, t.means,
          format('%L is %s', t.typed, t.means))
  from (values
    ('Mini-mock', 'Mini-mock'), (' mini-MOCK ', 'Mini-mock'),
    ('SITUATIONAL JUDGMENT', 'Situational Judgment'), ('clinical skills', 'Clinical Skills'),
    ('Mock Discussion', 'Mock Discussion')) as t (typed, means);
select row_eq(
  $$select credit, token_name, shared from hubspot_sync.find_mock_type('mini-mock')$$,
  row('sjmini_credits'::text, 'Mini-mock Token'::text, false), 'its whole row is answered');
select throws_ok(format('select hubspot_sync.find_mock_type(%L)', t.typed), '22023', null,
                 format('%L is no mock type', left(t.typed, 30)))
  from (values (null), (''), ('  '), ('Mini'), ('Mini mock'), ('Mini-mock;'), ('%'), ('_ini-mock'),
               (''' or true --'), ('$$'), ('\'), (E'Mini-mock\n'), ('sj_credits')) as t (typed);
create function pg_temp.refused(p_mock_type text, out code text, out message text, out hint text)
  language plpgsql as $$
begin
  perform hubspot_sync.find_mock_type(p_mock_type);
exception when others then
  code := sqlstate;
  get stacked diagnostics message = message_text, hint = pg_exception_hint;
end
$$;
select is((pg_temp.refused('Chess')).message, 'mock type Chess does not exist',
          'the message names what was asked for');
select is((pg_temp.refused('Chess')).hint,
          'One of: Clinical Skills, Mini-mock, Mock Discussion, Situational Judgment',
          'the hint names those there are');
insert into hubspot_sync.credit_types values ('Chess', 'sj_credits', 'Chess Token', true);
select is((hubspot_sync.find_mock_type('CHESS')).token_name, 'Chess Token',
          'a type added to credit_types is known at once');
delete from hubspot_sync.credit_types;
select is((pg_temp.refused('Chess')).code, '22023',
          'where there is no type at all the refusal is the same');
insert into hubspot_sync.credit_types values ('Chess', 'sj_credits', 'Chess Token', true);
select cmp_ok(length((pg_temp.refused(repeat('x', 10000000))).message), '<', 1000,
              'ten million characters are not said again to the log');

select * from finish();
rollback;
